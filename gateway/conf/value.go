package conf

import "strconv"

// Source says where a setting's value came from.
type Source uint8

// The sources, weakest first.
const (
	FromDefault Source = iota
	FromFile
	FromEnv
	FromFlag
)

// Value is a setting as it was given, before typing.
type Value struct {
	// Text is the value; Unset says that there is none (an empty variable also removes the default).
	Text   string
	Unset  bool
	Source Source
	// Origin names the variable or the file and line, for messages.
	Origin string
	// Reference is the value before references in it were resolved; empty when it had none.
	Reference string
}

// Inject is one injected nginx directive, e.g. from nginx_http_client_max_body_size.
type Inject struct {
	Name  string // client_max_body_size
	Value string
	// Setting is the setting that it came from.
	Setting string
}

// text is a setting's value; empty when it has none.
func (b *builder) text(name string) string { return b.values[name].Text }

func (b *builder) list(name string) []string { return list(b.text(name)) }

func (b *builder) on(name string) bool {
	on, _ := onOff(b.text(name))
	return on
}

// number is a number setting's value, 0 when it has none; checkValue has complained about others.
func (b *builder) number(name string) float64 {
	v, _ := strconv.ParseFloat(b.text(name), 64)
	return v
}

// whole is number for settings that count; it complains about values outside low … high.
func (b *builder) whole(name string, low, high int) int {
	if b.values[name].Unset {
		return 0
	}
	v := b.number(name)
	if v != float64(int(v)) || int(v) < low || int(v) > high {
		b.fail("%s must be an integer between %d and %d, got '%s'", name, low, high, b.text(name))
		return low
	}
	return int(v)
}

// size is a setting with nginx's size syntax.
func (b *builder) size(name string) int64 {
	if b.values[name].Unset {
		return 0
	}
	v, err := ParseSize(b.text(name))
	if err != nil {
		b.fail("%s: %s", name, err)
	}
	return v
}

package log

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Formats that need no log_format directive, by name. kong_log_format is the
// one of HTTP access logs, basic that of L4 ones.
var Formats = map[string]string{
	"combined":        `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
	"kong_log_format": `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" kong_request_id: "$request_id"`,
	"basic":           `$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time`,
}

// Variables gives the values of nginx's variables for one request or session.
type Variables interface {
	// AppendVariable appends the value of a variable; id is what Compile's resolve gave for
	// its name. found is false when it has no value; then nothing is appended.
	AppendVariable(dst []byte, id int, name string) (_ []byte, found bool)
}

// Format is a compiled log_format: texts and variables in turn.
type Format struct {
	parts  []part
	escape func(b []byte, from int) []byte
	absent string // what stands for a variable without a value
}

type part struct {
	text string // a text, or the name of a variable
	id   int
	vary bool
}

// Compile reads a log_format text with $name and ${name} variables. escape is
// default, json or none. resolve maps a variable's name to the number that
// Variables will be asked with, or says that there is none of that name; nil
// takes every name as number 0.
func Compile(text, escape string, resolve func(name string) (id int, ok bool)) (*Format, error) {
	f := &Format{}
	switch escape {
	case "", "default":
		f.escape, f.absent = escapeDefault, "-"
	case "json":
		f.escape = escapeJSON
	case "none":
		f.escape = func(b []byte, _ int) []byte { return b }
	default:
		return nil, fmt.Errorf("escape=%s is none of default, json and none", escape)
	}
	for text != "" {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			f.text(text)
			break
		}
		f.text(text[:at])
		name, rest, ok := cutName(text[at+1:])
		if !ok {
			return nil, fmt.Errorf("invalid variable name at %q", text[at:])
		}
		text = rest
		id := 0
		if resolve != nil {
			if id, ok = resolve(name); !ok {
				return nil, fmt.Errorf("unknown %q variable", name)
			}
		}
		f.parts = append(f.parts, part{text: name, id: id, vary: true})
	}
	return f, nil
}

// text adds a literal part.
func (f *Format) text(t string) {
	if t != "" {
		f.parts = append(f.parts, part{text: t})
	}
}

// cutName splits a variable's name from what follows the $.
func cutName(s string) (name, rest string, ok bool) {
	if inner, braced := strings.CutPrefix(s, "{"); braced {
		name, rest, ok = strings.Cut(inner, "}")
		return name, rest, ok && name != "" && nameLength(name) == len(name)
	}
	n := nameLength(s)
	return s[:n], s[n:], n > 0
}

func nameLength(s string) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return i
		}
	}
	return len(s)
}

// Append appends one line of the log, without a line break.
func (f *Format) Append(dst []byte, v Variables) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		if !p.vary {
			dst = append(dst, p.text...)
			continue
		}
		from, found := len(dst), false
		if dst, found = v.AppendVariable(dst, p.id, p.text); !found {
			dst = append(dst[:from], f.absent...)
			continue
		}
		dst = f.escape(dst, from)
	}
	return dst
}

// escapeDefault rewrites b[from:] as nginx does by default: " \ and bytes
// below 32 and above 126 become \xHH.
func escapeDefault(b []byte, from int) []byte {
	for i := from; i < len(b); i++ {
		if c := b[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return appendEscaped(b[:i], string(b[i:]), true)
		}
	}
	return b
}

// escapeJSON rewrites b[from:] so that it can stand in a JSON string.
func escapeJSON(b []byte, from int) []byte {
	clean := true
	for _, c := range b[from:] {
		clean = clean && c >= ' ' && c != '"' && c != '\\' && c < 0x80
	}
	if clean {
		return b
	}
	value := string(b[from:])
	b = b[:from]
	for i := 0; i < len(value); {
		c := value[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(value[i:])
			b = utf8.AppendRune(b, r) // a broken byte becomes U+FFFD, since a line of broken JSON is no use
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return b
}

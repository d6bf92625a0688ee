package conf

import "strings"

// fileLine is one setting of a settings file.
type fileLine struct {
	key, value string
	line       int // number of the line it begins on, from 1
}

// parseFile reads kong.conf's syntax: `key = value`, a comment from # to the
// end of the line (also inside a value; \# is a literal #), a \ at the end
// continues the value on the next line, quotes belong to the value. A line
// that is no setting is passed over, as the reference does; their numbers come
// back in skipped so that they can be warned about.
func parseFile(text string) (lines []fileLine, skipped []int) {
	number := 0
	for text != "" {
		number++
		first := number
		var line string
		line, text = cutLine(text)
		line = stripComment(line)
		for strings.HasSuffix(line, `\`) && text != "" {
			var next string
			next, text = cutLine(text)
			number++
			line = line[:len(line)-1] + stripComment(next)
		}
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" || strings.ContainsAny(key, " \t") {
			skipped = append(skipped, first)
			continue
		}
		lines = append(lines, fileLine{key, strings.TrimSpace(value), first})
	}
	return lines, skipped
}

// cutLine splits off the first line, without its line break and blanks at its end.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimRight(line, " \t\r"), rest
}

// stripComment drops what follows the first # that has no \ before it, and those \.
func stripComment(line string) string {
	if !strings.Contains(line, "#") {
		return line
	}
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' && i+1 < len(line) && line[i+1] == '#' {
			b.WriteByte('#')
			i++
			continue
		}
		if line[i] == '#' {
			break
		}
		b.WriteByte(line[i])
	}
	return strings.TrimRight(b.String(), " \t")
}

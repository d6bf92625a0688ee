package http1

import (
	"strconv"
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// AppendField appends one field line. Bytes that no value may have are escaped
// as %XX; name is the caller's own.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = AppendValue(dst, unsafe.Slice(unsafe.StringData(value), len(value)))
	return append(dst, "\r\n"...)
}

// AppendValue appends a field's value, with the bytes escaped as %XX that
// would end it or are bad in it.
func AppendValue(dst, value []byte) []byte {
	if validValue(value) {
		return append(dst, value...)
	}
	for _, c := range value {
		dst = appendByte(dst, c, badValue(c))
	}
	return dst
}

// AppendTarget appends a request target, with the bytes escaped as %XX that
// would end it or are bad in it: blanks and controls.
func AppendTarget(dst, target []byte) []byte {
	if below(target, 0, ' '+1) == len(target) {
		return append(dst, target...)
	}
	for _, c := range target {
		dst = appendByte(dst, c, c <= ' ' || c == 127)
	}
	return dst
}

// AppendFields appends the fields of h that go to the other side: not those
// removed, hop-by-hop, or in skip (a set of KnownHeaders). Untouched neighbours
// whose lines are adjacent and regular in the buffer are copied in one run.
// What a plugin edited cannot begin another line: its bytes that no name or
// value may have are escaped as %XX.
func AppendFields(dst []byte, s *message.Shared, h *message.Head, skip *[256]bool) []byte {
	fs := s.Fields(h)
	for i := 0; i < len(fs); i++ {
		f := &fs[i]
		if f.Flags&(message.FieldGone|message.FieldHop) != 0 || skip[f.ID] {
			continue
		}
		end := f.Value.Off + f.Value.Len
		j := i
		if regular(f) {
			for j+1 < len(fs) {
				g := &fs[j+1]
				if skip[g.ID] || g.Name.Off != end+2 || !regular(g) {
					break
				}
				end = g.Value.Off + g.Value.Len
				j++
			}
		}
		if j > i {
			dst = append(dst, s.Bytes(message.Str{Off: f.Name.Off, Len: end - f.Name.Off})...)
			dst = append(dst, "\r\n"...)
			i = j
			continue
		}
		name, value := s.NameOf(f), s.ValueOf(f)
		if f.Flags&(message.FieldEdited|message.FieldLine) == message.FieldEdited && !(f.ID != message.HeaderOther && validValue(value) || clean(name, value)) {
			dst = appendEscaped(dst, name, value)
			continue
		}
		dst = append(dst, name...)
		dst = append(dst, ": "...)
		dst = append(dst, value...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// clean says whether name and value can stand in a field line as they are.
func clean(name, value []byte) bool {
	for _, c := range name {
		if nameClass[c] == 0 {
			return false
		}
	}
	return validValue(value)
}

// appendEscaped appends a field line with the bytes escaped that must not be in it.
func appendEscaped(dst, name, value []byte) []byte {
	for _, c := range name {
		dst = appendByte(dst, c, nameClass[c] == 0)
	}
	dst = append(dst, ": "...)
	dst = AppendValue(dst, value)
	return append(dst, "\r\n"...)
}

func appendByte(dst []byte, c byte, escape bool) []byte {
	const hex = "0123456789ABCDEF"
	if escape {
		return append(dst, '%', hex[c>>4], hex[c&15])
	}
	return append(dst, c)
}

// regular: name, ": ", value stand together as they are written.
func regular(f *message.Field) bool {
	return (f.Flags == 0 || f.Flags == message.FieldEdited|message.FieldLine) && f.Value.Off == f.Name.Off+uint32(f.Name.Len)+2
}

// AppendStatusLine appends "HTTP/1.1 status reason CRLF".
func AppendStatusLine(dst []byte, status int, reason []byte) []byte {
	if status == 200 && string(reason) == "OK" {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = message.AppendInt(dst, int64(status))
	dst = append(dst, ' ')
	dst = append(dst, reason...)
	return append(dst, "\r\n"...)
}

// AppendChunk appends data as one chunk; nothing for no data.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(len(data)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, data...)
	return append(dst, "\r\n"...)
}

// LastChunk ends a chunked body without trailers.
const LastChunk = "0\r\n\r\n"

// Continue is the interim answer to Expect: 100-continue.
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"

package conformance

import (
	"fmt"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// utf8Cases is section 6.
func utf8Cases() []Case {
	const good = "Hello-µ@ßöäüàá-UTF-8!!"
	kosme := "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
	bad := kosme + "\xed\xa0\x80edited"
	cs := []Case{
		echo("6.1.1", "empty text", websocket.Text, "", 0),
		{ID: "6.1.2", Name: "three empty fragments", Steps: []Step{{Send: join(first(websocket.Text, ""), more(""), last("")), Want: text("")}}},
		{ID: "6.1.3", Name: "empty fragments around one that is not", Steps: []Step{{Send: join(first(websocket.Text, ""), more("middle frame payload"), last("")), Want: text("middle frame payload")}}},
		echo("6.2.1", "UTF-8 in one frame", websocket.Text, good, 0),
		{ID: "6.2.2", Name: "UTF-8 in two fragments on a character's border", Steps: []Step{{Send: join(first(websocket.Text, "Hello-µ@ßöä"), last("üàá-UTF-8!!")), Want: text("Hello-µ@ßöäüàá-UTF-8!!")}}},
		{ID: "6.2.3", Name: "UTF-8 in fragments of one byte", Steps: []Step{{Send: bytewise(good), Want: text(good)}}},
		{ID: "6.2.4", Name: "the same in three-byte characters", Steps: []Step{{Send: bytewise(kosme), Want: text(kosme)}}},
		{ID: "6.3.1", Name: "invalid UTF-8", Steps: []Step{{Send: frame(websocket.Text, bad)}}, Close: notText},
		{ID: "6.3.2", Name: "invalid UTF-8 in fragments of one byte", Steps: []Step{{Send: bytewise(bad)}}, Close: notText},
		{ID: "6.4.1", Name: "fails with the invalid fragment, not at the end", Steps: []Step{{Send: first(websocket.Text, kosme), Pause: 5 * time.Millisecond},
			{Send: more("\xf4\x90\x80\x80")}}, Close: notText},
		{ID: "6.4.2", Name: "fails with the byte that makes it invalid", Steps: []Step{{Send: first(websocket.Text, kosme+"\xf4")}, {Send: more("\x90")}}, Close: notText},
		{ID: "6.4.3", Name: "fails within a frame", Steps: []Step{{Send: part(kosme + "\xf4\x90\x80\x80edited")}}, Close: notText},
		{ID: "6.4.4", Name: "fails within a frame, byte by byte", Steps: []Step{{Send: part(kosme + "\xf4\x90"), Piece: 1}}, Close: notText},
	}
	for i, v := range validTexts {
		cs = append(cs, echo(fmt.Sprint("6.valid.", i+1), fmt.Sprintf("%+q", v), websocket.Text, v, 0))
	}
	for i, v := range invalidTexts {
		cs = append(cs, Case{ID: fmt.Sprint("6.invalid.", i+1), Name: fmt.Sprintf("%+q", v), Steps: []Step{{Send: frame(websocket.Text, v)}}, Close: notText})
	}
	return cs
}

// bytewise is s as a message with a fragment for every byte.
func bytewise(s string) []byte {
	out := first(websocket.Text, s[:1])
	for i := 1; i < len(s)-1; i++ {
		out = append(out, more(s[i:i+1])...)
	}
	return append(out, last(s[len(s)-1:])...)
}

// part is a text frame that announces more than it has.
func part(s string) []byte {
	return frame(websocket.Text, s+"and much more of it")[:6+len(s)]
}

// validTexts and invalidTexts are the sequences of sections 6.5 to 6.23.
var validTexts = []string{
	"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", // 6.5.1
	"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80", // 6.7: first of each length
	"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", // 6.9: last of each length
	"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", // 6.11: around the surrogates
	"\xef\xbf\xbe", "\xf0\x9f\xbf\xbe", "\xf0\x9f\xbf\xbf", "\xf0\xaf\xbf\xbe", "\xf4\x8f\xbf\xbe", // 6.22: noncharacters
	"\xef\xbf\xbd\xef\xbf\xbd", // 6.23
}

var invalidTexts = []string{
	"\xce", "\xce\xba\xe1", "\xce\xba\xe1\xbd", // 6.6: cut
	"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", // 6.8: first of five and six bytes
	"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf", // 6.10
	"\xf4\x90\x80\x80",                                 // 6.11.5
	"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80\xbf\x80", // 6.12: lonely continuations
	"\xc0 \xc1 ", "\xe0 \xe1 ", "\xf0 \xf1 ", "\xf8 ", "\xfc ", // 6.13: lonely starts
	"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xdf", "\xef\xbf", "\xf7\xbf\xbf", // 6.14
	"\xc0\xe0\x80\xf0\x80\x80", "\xfe", "\xff", "\xfe\xfe\xff\xff", // 6.15, 6.16
	"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", // 6.17: overlong
	"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", // 6.18
	"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", // 6.19
	"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf", // 6.20
	"\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf", // 6.21: pairs
}

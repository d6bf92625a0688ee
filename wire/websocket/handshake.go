package websocket

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"strings"
)

// Version is the only version of the protocol (Sec-WebSocket-Version).
const Version = "13"

// guid is what RFC 6455 section 1.3 adds to a key.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Accept is the Sec-WebSocket-Accept for a Sec-WebSocket-Key.
func Accept(key string) string {
	h := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(h[:])
}

// Reasons for which a handshake is refused.
var (
	ErrMethod     = errors.New("the method of a WebSocket handshake must be GET")
	ErrHTTP       = errors.New("a WebSocket handshake needs HTTP/1.1")
	ErrUpgrade    = errors.New("a WebSocket handshake needs the fields \"Connection: Upgrade\" and \"Upgrade: websocket\"")
	ErrKey        = errors.New("Sec-WebSocket-Key must be 16 bytes in base64")
	ErrVersion    = errors.New("Sec-WebSocket-Version must be 13")
	ErrAccept     = errors.New("Sec-WebSocket-Accept does not fit the key")
	ErrProtocol   = errors.New("Sec-WebSocket-Protocol was not offered")
	ErrExtensions = errors.New("Sec-WebSocket-Extensions does not fit what was offered")
)

// Fields gives the value of a field, several of one name joined with commas,
// "" for none.
type Fields func(name string) string

// CheckRequest checks the opening handshake of a client over HTTP/1.1 (RFC
// 6455 section 4.2.1).
func CheckRequest(method string, major, minor int, field Fields) error {
	switch {
	case method != "GET":
		return ErrMethod
	case major < 1 || major == 1 && minor < 1:
		return ErrHTTP
	case !HasToken(field("Connection"), "upgrade") || !HasToken(field("Upgrade"), "websocket"):
		return ErrUpgrade
	case !validKey(field("Sec-WebSocket-Key")):
		return ErrKey
	case field("Sec-WebSocket-Version") != Version:
		return ErrVersion
	}
	return nil
}

func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(b) == 16
}

// CheckResponse checks a server's 101 (RFC 6455 section 4.1): key and protocols
// are what the request said. Extensions are CheckExtensions's.
func CheckResponse(key, protocols string, field Fields) error {
	switch {
	case !HasToken(field("Connection"), "upgrade") || !HasToken(field("Upgrade"), "websocket"):
		return ErrUpgrade
	case field("Sec-WebSocket-Accept") != Accept(key):
		return ErrAccept
	}
	if p := field("Sec-WebSocket-Protocol"); p != "" {
		for one := range strings.SplitSeq(protocols, ",") {
			if strings.TrimSpace(one) == p {
				return nil
			}
		}
		return ErrProtocol
	}
	return nil
}

// HasToken says whether a list of tokens has one, in any letter case.
func HasToken(list, token string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(one), token) {
			return true
		}
	}
	return false
}

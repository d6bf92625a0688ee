// Package framing tests where messages end: a client and an upstream that
// speak raw bytes, with a whole gateway between them. The upstream notes every
// byte it gets and reads it with the strictest of parsers, so that nothing
// that could be read two ways passes; the client does the same with what the
// gateway answers. There is no code here, only tests; setup_test.go first.
package framing

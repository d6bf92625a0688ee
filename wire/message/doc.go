// Package message holds what passes through a connection: Flow (the
// connection itself: addresses, TLS, times) and Exchange (one request and its
// response on it).
//
// The hot part of an Exchange, Shared, lies in memory that the Go runtime does
// not manage, with a layout that C knows (plugin/lua/luajit/exchange.h), so
// that Go codecs, Go plugins and Lua plugins read and edit one and the same
// header table without a copy. Codecs (http1, http2) produce and consume
// Exchanges; this package parses nothing. Read shared.go first.
package message

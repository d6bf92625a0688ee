// Package spool keeps bodies: a Spool grows in memory up to a limit and goes
// on in an unnamed temporary file after that, so that no body can take more
// memory than its settings allow. It can be read as often as one likes, which
// retries and buffered responses need.
//
// It is not a stream: nobody waits for bytes that are not there, and there are
// no goroutines and no locks; a Spool has one owner at a time. Read spool.go.
package spool

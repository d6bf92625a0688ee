// Package log writes the error log and the access logs, in nginx's formats and
// without ever making a caller wait for the disk: lines are appended to a
// bounded buffer in memory, one goroutine per file writes them out, and what
// does not fit is dropped and counted.
//
// It is not a logging framework: there are no hooks, no structured records and
// no global logger. Read sink.go (the file and its goroutine), then error.go
// (levels and the line of the error log), then format.go (log_format).
package log

// Package pipe runs child processes on a worker's loop: their standard streams are read and
// written without blocking, their end is awaited elsewhere and told on the loop, and a process
// that nobody has any more is killed. It knows no Lua: ops_pipe.go makes ngx.pipe of it. Read
// process.go first.
package pipe

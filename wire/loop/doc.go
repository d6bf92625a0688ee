// Package loop is the event loop: one goroutine, one edge-triggered epoll
// instance, its timers, its queue of posted functions, and the non-blocking
// sockets that belong to it.
//
// It knows no protocol. Everything that belongs to a loop is touched on its
// goroutine only; Post is the one door from outside. Read loop.go first.
package loop

// Package worker is one worker of the gateway: an event loop and what others
// attach to it, such as the Lua VM, pools and caches, in slots.
//
// It knows no protocol and no plugin. A worker's slots belong to its loop: no
// locks. There is one file, this one.
package worker

import "github.com/gibbon-gateway/gibbon/wire/loop"

// Worker is one event loop with its number and slots.
type Worker struct {
	// ID counts from 0 (ngx.worker.id).
	ID int
	// Loop runs everything that belongs to the worker.
	Loop  *loop.Loop
	slots [SlotCount]any
}

// Slot names what is attached to a worker.
type Slot uint8

// The slots.
const (
	SlotLua Slot = iota
	SlotLuaStream
	SlotProxy
	SlotCount
)

// Get is what is attached at s, nil if nothing is.
func (w *Worker) Get(s Slot) any { return w.slots[s] }

// Set attaches v at s. Call it on the worker's loop.
func (w *Worker) Set(s Slot, v any) { w.slots[s] = v }

package luajit

/*
#include "core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Frame is a WebSocket frame as handlers left it.
type Frame struct {
	// Data is valid until the VM is entered again.
	Data   []byte
	Status int
	// Edited: Data was replaced. Dropped: the frame goes nowhere.
	Edited, Dropped bool
}

// Frame is what the handlers of the run that ended last made of its frame.
func (vm *VM) Frame() Frame {
	f := vm.core.frame
	if f == nil {
		return Frame{}
	}
	return Frame{unsafe.Slice((*byte)(unsafe.Pointer(f.data.p)), int(f.data.len)), int(f.status), f.edited != 0, f.dropped != 0}
}

// EnterFrame is Enter for ws_client_frame and ws_upstream_frame: data, type (an
// opcode) and status are the frame's. When the run ends, Frame has the result.
func (vm *VM) EnterFrame(x *message.Shared, phase uint32, data []byte, kind uint8, status int) Event {
	vm.enterFrame(x, phase, data, kind, status)
	return vm.event()
}

package luajit

/*
#include <stdint.h>
#include <stddef.h>
#include "core.h"
*/
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// vms finds the VM of an upcall by its handle.
var vms sync.Map

// gibbonAsk is the one Go function that C calls: an operation of Lua code that
// cannot yield (see native.c). It recovers, and never enters Lua.
//
//export gibbonAsk
func gibbonAsk(handle C.uintptr_t, op C.int, args *C.char, n C.size_t) (ok C.int) {
	v, found := vms.Load(uintptr(handle))
	if !found {
		return 0
	}
	vm := v.(*VM)
	defer func() {
		if r := recover(); r != nil {
			ok = vm.give(AppendValue(nil, fmt.Sprintf("the gateway panicked: %v", r)), true)
		}
	}()
	if vm.asking == nil {
		return 0
	}
	results, failed, answered := vm.asking(int(op), unsafe.Slice((*byte)(unsafe.Pointer(args)), int(n)))
	if !answered {
		return 0
	}
	return vm.give(results, failed)
}

func (vm *VM) give(results []byte, failed bool) C.int {
	return C.gb_give(vm.c, (*C.char)(unsafe.Pointer(unsafe.SliceData(results))), C.size_t(len(results)), flag(failed))
}

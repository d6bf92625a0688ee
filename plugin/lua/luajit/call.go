package luajit

/*
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// NoRef is no reference.
const NoRef = C.LUA_NOREF

// Embed puts one module of the gateway's own library in, under the name that
// require uses. Call it before the first New, in ascending order of name.
// A late module is found only where the user's Lua path has none of that name.
func Embed(name string, source []byte, late bool) {
	behind := C.int(0)
	if late {
		behind = 1
	}
	C.gb_embed(C.CString(name), (*C.char)(C.CBytes(source)), C.size_t(len(source)), behind)
}

// Eval runs a chunk with encoded arguments and gives its encoded results,
// which are valid until the next entry. name is what errors call it ("@file.lua", "=what").
func (vm *VM) Eval(source, name string, args []byte) ([]byte, error) {
	if !vm.eval(source, name, args, false) {
		return nil, vm.failure()
	}
	return vm.results(), nil
}

// Keep runs a chunk and keeps its one result in the VM; ref is its reference.
func (vm *VM) Keep(source, name string, args []byte) (ref int, err error) {
	return vm.keep(source, name, args)
}

func (vm *VM) keep(source, name string, args []byte) (int, error) {
	if !vm.eval(source, name, args, true) {
		return NoRef, vm.failure()
	}
	return int(vm.core.event.op), nil
}

func (vm *VM) eval(source, name string, args []byte, keep bool) bool {
	s, n := C.CString(source), C.CString(name)
	defer C.free(unsafe.Pointer(s))
	defer C.free(unsafe.Pointer(n))
	return C.gb_eval(vm.c, s, C.size_t(len(source)), n, (*C.char)(unsafe.Pointer(unsafe.SliceData(args))), C.size_t(len(args)), flag(keep)) != 0
}

// Call calls the function that ref refers to, in phase (0: none), with encoded
// arguments; with a handler given, that is the first argument and its plugin
// the current one. The results are valid until the next entry.
func (vm *VM) Call(ref int, b *Bound, phase uint32, args []byte) ([]byte, error) {
	var self *C.gb_bound
	if b != nil {
		self = b.c
	}
	if C.gb_call(vm.c, self, C.uint32_t(phase), C.int32_t(ref), (*C.char)(unsafe.Pointer(unsafe.SliceData(args))), C.size_t(len(args))) == 0 {
		return nil, vm.failure()
	}
	return vm.results(), nil
}

func (vm *VM) results() []byte {
	b := &vm.core.args
	return unsafe.Slice((*byte)(unsafe.Pointer(b.p)), int(b.len))
}

func (vm *VM) failure() error {
	b := &vm.core.error
	return errors.New(C.GoStringN(b.p, C.int(b.len)))
}

// Handler takes a handler table (a reference from Keep) and looks its
// functions up. Resolve does that again, after init_worker.
func (vm *VM) Handler(name string, ref int) (*Handler, error) {
	p := (*C.gb_plugin)(C.calloc(1, C.sizeof_gb_plugin))
	p.handler = C.int32_t(ref)
	for i := range p.fn {
		p.fn[i] = NoRef
	}
	vm.plain = append(vm.plain, p)
	h := &Handler{c: p, Name: name}
	return h, vm.Resolve(h)
}

// Resolve looks the handler's functions up anew.
func (vm *VM) Resolve(h *Handler) error {
	if C.gb_resolve(vm.c, h.c) == 0 {
		return vm.failure()
	}
	return nil
}

// Fn is the reference of the handler's function for the phase whose bit
// number is given, NoRef if it has none.
func (h *Handler) Fn(bit int) int { return int(h.c.fn[bit]) }

// Bind makes a configuration known to the VM. conf is its encoded table; nil
// for a plugin without one.
func (vm *VM) Bind(h *Handler, serial uint64, id, instance string, conf []byte) (*Bound, error) {
	c := (*C.gb_bound)(C.calloc(1, C.sizeof_gb_bound))
	c.serial, c.plugin, c.conf = C.uint64_t(serial), h.c, C.LUA_REFNIL
	c.name, c.name_len = C.CString(h.Name), C.uint32_t(len(h.Name))
	c.id, c.id_len = C.CString(id), C.uint32_t(len(id))
	c.instance, c.instance_len = C.CString(instance), C.uint32_t(len(instance))
	if conf != nil && C.gb_bind(vm.c, c, (*C.char)(unsafe.Pointer(unsafe.SliceData(conf))), C.size_t(len(conf))) == 0 {
		err := vm.failure()
		freeBound(c)
		return nil, err
	}
	b := &Bound{c: c, Serial: serial, Name: h.Name}
	vm.bound[c] = b
	return b, nil
}

// Unbind forgets a configuration. No run may still use it.
func (vm *VM) Unbind(b *Bound) {
	C.gb_unbind(vm.c, b.c)
	delete(vm.bound, b.c)
	freeBound(b.c)
}

func freeBound(c *C.gb_bound) {
	C.free(unsafe.Pointer(c.name))
	C.free(unsafe.Pointer(c.id))
	C.free(unsafe.Pointer(c.instance))
	C.free(unsafe.Pointer(c))
}

// Conf is the configuration's table, nil without one.
func (b *Bound) Conf() any {
	if b.c.conf <= 0 {
		return nil
	}
	return Ref(b.c.conf)
}

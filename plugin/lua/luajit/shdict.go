package luajit

/*
#include <stdlib.h>
#include "shdict.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// DeclareShared makes the dictionary ngx.shared[name], or changes its size. It
// is shared by all VMs of the process and bounded by size bytes: the least
// recently used entries give way. Call it before a VM that uses the name is made.
func DeclareShared(name string, size int64) error {
	if size < 8<<10 {
		return fmt.Errorf("lua_shared_dict %s: size %d is below the minimum of 8k", name, size)
	}
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	if C.gb_shdict_declare(n, C.size_t(size)) == 0 {
		return fmt.Errorf("lua_shared_dict %s: no memory, or the name is longer than 63 bytes", name)
	}
	return nil
}

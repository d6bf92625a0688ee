package lua

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
)

// watchdog stops handlers that use more processor time than they may. One
// goroutine looks at all VMs a few times per budget; a VM that is idle costs it
// one load.
type watchdog struct {
	mu   sync.Mutex
	vms  map[*luajit.VM]*seen
	done chan struct{}
	over chan struct{}
}

// seen is what the last round saw of a VM.
type seen struct {
	entry uint64
	cpu   int64 // the thread's processor time at that moment, ns; -1 unknown
	at    time.Time
	of    owner
}

// owner is whose VM it is; noWorker of the control VM.
type owner struct {
	worker int
	slot   worker.Slot
}

const noWorker = -1

func (d *watchdog) start(budget time.Duration) {
	d.vms = map[*luajit.VM]*seen{}
	d.done, d.over = make(chan struct{}), make(chan struct{})
	go d.run(budget)
}

func (d *watchdog) stop() {
	close(d.done)
	<-d.over
}

func (d *watchdog) watch(vm *luajit.VM, of owner) {
	d.mu.Lock()
	d.vms[vm] = &seen{of: of}
	d.mu.Unlock()
}

// memory adds the heaps of the workers' VMs up, of every VM that lives.
func (d *watchdog) memory() map[owner]uint64 {
	heaps := map[owner]uint64{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for vm, s := range d.vms {
		if s.of.worker != noWorker {
			heaps[s.of] += vm.Heap()
		}
	}
	return heaps
}

func (d *watchdog) forget(vm *luajit.VM) {
	d.mu.Lock()
	delete(d.vms, vm)
	d.mu.Unlock()
}

func (d *watchdog) run(budget time.Duration) {
	defer close(d.over)
	t := time.NewTicker(min(max(budget/8, 5*time.Millisecond), time.Second))
	defer t.Stop()
	for {
		select {
		case <-d.done:
			return
		case now := <-t.C:
			d.mu.Lock()
			for vm, s := range d.vms {
				s.look(vm, now, budget)
			}
			d.mu.Unlock()
		}
	}
}

// look interrupts the VM when the entry that ran at the last look still runs
// and has used up its budget. A handler that ignores the first interrupt
// (pcall) is met by the hook again, so one is enough; asking again is harmless.
func (s *seen) look(vm *luajit.VM, now time.Time, budget time.Duration) {
	entry, tid := vm.Running()
	if entry == 0 {
		s.entry = 0
		return
	}
	cpu := threadTime(tid)
	if entry != s.entry {
		*s = seen{entry, cpu, now, s.of}
		return
	}
	used := now.Sub(s.at)
	if cpu >= 0 && s.cpu >= 0 {
		used = time.Duration(cpu - s.cpu)
	}
	if used >= budget {
		vm.Interrupt(entry)
	}
}

// threadTime is the processor time that a thread of this process has used, in
// nanoseconds; -1 when the kernel does not say.
func threadTime(tid int) int64 {
	const perThread, schedClock = 4, 2 // the kernel's encoding of a thread's clock (pthread_getcpuclockid)
	var ts unix.Timespec
	if tid <= 0 || unix.ClockGettime(int32(^tid<<3|perThread|schedClock), &ts) != nil {
		return -1
	}
	return ts.Nano()
}

package gateway

import "golang.org/x/sys/unix"

// limitDescriptors sets the process's limit of open files (setting
// nginx_main_worker_rlimit_nofile; auto: as high as the system lets it). A limit
// that the system refuses is logged, and the old one stays, as nginx has it.
func (n *node) limitDescriptors() {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		n.log.Warnf("cannot read the limit of open files: %v", err)
		return
	}
	want := unix.Rlimit{Cur: now.Max, Max: now.Max}
	if o := uint64(n.conf.OpenFiles); o > 0 {
		want = unix.Rlimit{Cur: o, Max: max(o, now.Max)}
	}
	if want == now {
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		n.log.Warnf("nginx_main_worker_rlimit_nofile: a limit of %d open files is refused (%v), it stays %d", want.Cur, err, now.Cur)
	}
}

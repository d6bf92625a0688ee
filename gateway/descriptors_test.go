package gateway

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

func TestLimitDescriptors(t *testing.T) {
	soft := func() uint64 {
		var r unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
			t.Fatal(err)
		}
		return r.Cur
	}
	before := soft()
	n := &node{conf: &conf.Config{OpenFiles: int(before - 1)}}
	t.Cleanup(func() {
		n.conf.OpenFiles = 0
		if n.limitDescriptors(); soft() < before {
			t.Errorf("auto leaves a limit of %d, %d was possible", soft(), before)
		}
	})
	if n.limitDescriptors(); soft() != before-1 {
		t.Errorf("a limit of %d, want %d", soft(), before-1)
	}
}

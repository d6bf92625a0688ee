package lua

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"hash/crc32"
	"runtime"
)

// Work that takes the processor for longer than a loop may be held up.
func init() {
	RegisterOp("crypto.pbkdf2", derive)
	RegisterOp("crypto.crc32c", func(c *Call) { c.Return(crc32.Checksum(c.Bytes(0), castagnoli)) })
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// jobs bounds how much such work runs at the same time, so that the loops get
// processors, too.
var jobs = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)))

// inBackground answers the call with what work gives, which runs in a goroutine
// and touches nothing of the VM. Without a loop (the control VM) it runs at once.
func (c *Call) inBackground(work func() []any) {
	w := c.vm.worker
	if w == nil || w.Loop == nil {
		c.Return(work()...)
		return
	}
	w.Loop.Handed()
	go func() {
		jobs <- struct{}{}
		results := work()
		<-jobs
		w.Loop.Post(func() { c.Done(results...) })
	}()
}

// digests are those of crypto.pbkdf2.
var digests = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// derive(digest, password, salt, rounds, bytes): the key; nil, text
func derive(c *Call) {
	digest := digests[c.String(0)]
	rounds, size := c.Int(3), c.Int(4)
	switch {
	case digest == nil:
		c.Return(nil, "unknown digest: "+c.String(0))
		return
	case rounds < 1 || size < 1 || size > 1<<10:
		c.Return(nil, "bad number of rounds or bytes")
		return
	}
	password, salt := c.String(1), []byte(c.String(2))
	c.inBackground(func() []any {
		key, err := pbkdf2.Key(digest, password, salt, rounds, size)
		if err != nil {
			return []any{nil, err.Error()}
		}
		return []any{key}
	})
}

package pdk

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/spool"
)

// maxCollected bounds what one plugin may collect of one response body, in
// bytes. In the end it must fit into the memory for bodies, too.
const maxCollected = 1 << 30

// errCollected is returned where a plugin wants more than that in one piece.
var errCollected = errors.New("response body is too large for a plugin that needs the whole of it")

// collected is what one plugin has gathered of a response body.
type collected struct {
	plugin string
	body   spool.Spool
}

// RawBody gathers the response body for a body filter that needs the whole of
// it (kong.response.get_raw_body): give it each chunk, and return nil for the
// chunk until it returns true with the body.
func (r *Response) RawBody(chunk []byte, last bool) (body []byte, whole bool, err error) {
	c := r.k.collector()
	if last && c.body.Len() == 0 {
		return chunk, true, nil
	}
	if err := c.body.Write(chunk); err != nil {
		if errors.Is(err, spool.ErrTooLarge) {
			err = errCollected
		}
		return nil, false, err
	}
	if !last {
		return nil, false, nil
	}
	if b, ok := c.body.Bytes(); ok {
		return b, true, nil
	}
	body, err = load(&c.body)
	return body, err == nil, err
}

// collector is the current plugin's.
func (k *Kong) collector() *collected {
	name := k.currentName()
	for i := range k.collected {
		if k.collected[i].plugin == name {
			return &k.collected[i]
		}
	}
	k.collected = append(k.collected, collected{plugin: name})
	c := &k.collected[len(k.collected)-1]
	c.body.Init(spool.Options{MemoryLimit: 1 << 20, MaxSize: maxCollected})
	return c
}

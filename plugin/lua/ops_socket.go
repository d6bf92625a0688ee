package lua

import (
	"slices"

	"github.com/gibbon-gateway/gibbon/plugin/lua/socket"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations behind ngx.socket and ngx.req.socket (lib/gibbon/ngx_socket.lua).
// A socket is known to Lua code by a number, from connect to close.
func init() {
	RegisterOp("socket.connect", func(c *Call) {
		c.passing = true
		c.vm.sockets.connect(c)
	})
	RegisterOp("socket.handshake", onSocket(handshake))
	RegisterOp("socket.send", onSocket(sendSocket))
	RegisterOp("socket.receive", onSocket(receiveSocket))
	RegisterOp("socket.receive_head", onSocket(receiveHead))
	RegisterOp("socket.keepalive", onSocket(keepSocket))
	RegisterOp("socket.close", onSocket(func(c *Call, h *handle) {
		h.close()
		c.Return(1)
	}))
	RegisterOp("socket.shutdown", onSocket(shutdownSocket))
	RegisterOp("socket.option", onSocket(socketOption))
	RegisterOp("socket.fd", onSocket(func(c *Call, h *handle) {
		if h.tcp == nil {
			c.Return(nil, "closed")
			return
		}
		c.Return(h.tcp.FD())
	}))
}

// shutdownSocket() tells the peer that nothing more comes.
func shutdownSocket(c *Call, h *handle) {
	if h.tcp == nil {
		c.Return(nil, "closed")
		return
	}
	refuse(c, h.tcp.ShutdownSend(), 1)
}

// sockets are those of one VM.
type sockets struct {
	vm   *VM
	last float64
	all  map[float64]*handle
	// owned is the first handle of each request (*pdk.Kong) or context without one (*run).
	owned map[any]*handle
}

// handle is a socket that Lua code has a number of. It ends with its owner.
type handle struct {
	in         *sockets
	id         float64
	owner      any
	prev, next *handle

	// One of them is set once there is a connection.
	tcp    *socket.Conn
	udp    *socket.UDP
	client *clientSocket
	// reader of tcp or client.
	reader *socket.Reader
	// pool is the name under which setkeepalive keeps it.
	pool string
	// connecting: connect or handshake is under way.
	connecting bool
}

// ownerOf is whose end ends the sockets that the code opens.
func (c *Call) ownerOf() any {
	if c.run.kong != nil {
		return c.run.kong
	}
	return c.run
}

func (ss *sockets) open(c *Call) *handle {
	if ss.all == nil {
		ss.vm, ss.all, ss.owned = c.vm, map[float64]*handle{}, map[any]*handle{}
	}
	ss.last++
	h := &handle{in: ss, id: ss.last, owner: c.ownerOf()}
	ss.all[h.id] = h
	if h.next = ss.owned[h.owner]; h.next != nil {
		h.next.prev = h
	}
	ss.owned[h.owner] = h
	return h
}

// forget takes the handle's number away.
func (h *handle) forget() {
	ss := h.in
	if ss.all[h.id] != h {
		return
	}
	delete(ss.all, h.id)
	if h.next != nil {
		h.next.prev = h.prev
	}
	switch {
	case h.prev != nil:
		h.prev.next = h.next
	case h.next != nil:
		ss.owned[h.owner] = h.next
	default:
		delete(ss.owned, h.owner)
	}
	h.prev, h.next = nil, nil
}

func (h *handle) close() {
	h.forget()
	switch {
	case h.tcp != nil:
		h.tcp.Close()
	case h.udp != nil:
		h.udp.Close()
	case h.client != nil:
		h.client.close()
	}
	h.tcp, h.udp, h.client, h.reader = nil, nil, nil, nil
}

// closeAll closes what owner left open.
func (ss *sockets) closeAll(owner any) {
	for h := ss.owned[owner]; h != nil; h = ss.owned[owner] {
		h.close()
	}
}

// end closes everything, when the VM closes.
func (ss *sockets) end() {
	for _, h := range ss.all {
		h.close()
	}
}

// onSocket makes an operation of one on the socket whose number is the first argument.
func onSocket(op func(c *Call, h *handle)) Op {
	return func(c *Call) {
		c.passing = true
		h := c.vm.sockets.all[c.Number(0)]
		switch {
		case h == nil:
			c.Return(nil, socket.Closed)
		case h.owner != c.ownerOf():
			c.Return(nil, "bad request")
		default:
			op(c, h)
		}
	}
}

// milliseconds of argument i in ns; 0 = none.
func (c *Call) milliseconds(i int) int64 { return seconds(c.Number(i) / 1e3) }

// send(id, data, ms): bytes; nil, text
func sendSocket(c *Call, h *handle) {
	switch {
	case h.connecting:
		c.Return(nil, "socket busy connecting")
	case h.udp != nil:
		if err := h.udp.Send(c.Bytes(1)); err != "" {
			c.Return(nil, err)
			return
		}
		c.Return(1)
	case h.client != nil:
		h.client.send(c)
	case h.tcp == nil || h.tcp.Closed():
		c.Return(nil, socket.Closed)
	case h.tcp.Writing():
		c.Return(nil, "socket busy writing")
	default:
		tcp := h.tcp
		c.OnCancel(tcp.CancelSend)
		tcp.Send(c.Bytes(1), c.milliseconds(2), func(n int, err string) {
			if err != "" {
				c.Return(nil, err)
				return
			}
			c.returnNumbers(float64(n))
		})
	}
}

// receive(id, kind, n, ms, pattern, inclusive): data; nil, text, what came before.
func receiveSocket(c *Call, h *handle) {
	switch {
	case h.connecting:
		c.Return(nil, "socket busy connecting")
		return
	case h.udp != nil:
		receiveDatagram(c, h.udp)
		return
	case h.reader == nil || h.reader.Ended():
		c.Return(nil, socket.Closed)
		return
	case h.reader.Busy():
		c.Return(nil, "socket busy reading")
		return
	}
	q := socket.Request{Kind: socket.Kind(c.Int(1)), N: c.Int(2), Timeout: c.milliseconds(3), Inclusive: c.Bool(5)}
	if q.Kind == socket.Until {
		q.Pattern = slices.Clone(c.Bytes(4))
	}
	r := h.reader
	c.OnCancel(r.Cancel)
	r.Receive(q, func(data []byte, found bool, err string) {
		switch {
		case err != "":
			if data == nil {
				data = []byte{}
			}
			if err != socket.Timeout && err != socket.Closed && h.tcp != nil {
				h.tcp.Close() // broken; after a proper end it can still send
			}
			c.Return(nil, err, data)
		case !found:
			c.Return(nil, nil, nil)
		default:
			c.returnText(data)
		}
	})
}

func receiveDatagram(c *Call, u *socket.UDP) {
	if u.Closed() {
		c.Return(nil, socket.Closed)
		return
	}
	if u.Busy() {
		c.Return(nil, "socket busy reading")
		return
	}
	c.OnCancel(u.Cancel)
	u.Receive(c.Int(2), c.milliseconds(3), func(data []byte, err string) {
		if err != "" {
			c.Return(nil, err)
			return
		}
		c.Return(data)
	})
}

// keepalive(id, ms or nil, size): 1; nil, text. The number is no more.
func keepSocket(c *Call, h *handle) {
	tcp := h.tcp
	if tcp == nil || tcp.Closed() {
		h.close()
		c.Return(nil, socket.Closed)
		return
	}
	if h.connecting {
		c.Return(nil, "socket busy connecting")
		return
	}
	timeout := int64(-1)
	if !c.IsNil(1) {
		timeout = c.milliseconds(1)
	}
	err := c.vm.pools().Keep(tcp, h.pool, timeout, c.Int(2))
	switch {
	case err == "":
		h.tcp, h.reader = nil, nil
		h.forget()
		c.returnNumbers(1)
		return
	case tcp.Closed():
		h.close()
	}
	c.Return(nil, err)
}

// option(id, name, value or nil): value or 1; nil, text
func socketOption(c *Call, h *handle) {
	if h.tcp == nil || h.tcp.Closed() || h.connecting {
		c.Return(nil, socket.Closed)
		return
	}
	var err error
	known, value := false, 1
	if c.IsNil(2) {
		value, known, err = h.tcp.Option(c.String(1))
	} else {
		v := c.Int(2)
		if b, ok := c.Value(2).(bool); ok && b {
			v = 1
		}
		known, err = h.tcp.SetOption(c.String(1), v)
	}
	switch {
	case !known:
		c.Return(nil, "unsupported option: "+c.String(1))
	case err != nil:
		c.Return(nil, err.Error())
	default:
		c.Return(value)
	}
}

// pools are the worker's: they outlive the VM.
func (vm *VM) pools() *socket.Pools {
	s := stateOf(vm.worker)
	if s.pools == nil {
		s.pools = socket.NewPools(vm.worker.Loop, vm.rt.o.SocketPoolSize)
	}
	return s.pools
}

// requestOver ends what belongs to a request.
func (vm *VM) requestOver(k *pdk.Kong) {
	if len(vm.sockets.owned) > 0 {
		vm.sockets.closeAll(k)
	}
}

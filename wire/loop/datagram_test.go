package loop

import (
	"bytes"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// exchange sends datagrams to a listener at addr and has them sent back.
func exchange(t *testing.T, addr, dial string) {
	t.Helper()
	fd, err := ListenUDP(netip.MustParseAddrPort(addr), ListenOptions{ReusePort: true})
	if err != nil {
		t.Skip(err)
	}
	defer unix.Close(fd)
	port := LocalAddr(fd).Port()
	at := netip.AddrPortFrom(netip.MustParseAddr(dial), port)
	c, err := net.Dial("udp", at.String())
	if err != nil {
		t.Skip(err)
	}
	defer c.Close()
	big := bytes.Repeat([]byte("x"), 60000)
	for _, p := range [][]byte{[]byte("one"), {}, big} {
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Millisecond)
	wild := netip.MustParseAddrPort(addr).Addr().IsUnspecified()
	in, out := NewDatagrams(4), NewOutbox(4)
	n, err := in.Receive(fd, wild)
	if n != 3 || err != nil {
		t.Fatalf("received %d, %v", n, err)
	}
	for i := range n {
		from, to := in.From(i), in.To(i)
		if from.AddrPort() != netip.MustParseAddrPort(c.LocalAddr().String()) || wild && to != at.Addr() {
			t.Errorf("datagram %d: from %v to %v", i, from.AddrPort(), to)
		}
		out.Add(in.Data(i), &from, to)
	}
	if dropped, err := out.Send(fd); dropped != 0 {
		t.Fatalf("%d not sent: %v", dropped, err)
	}
	if _, err := in.Receive(fd, wild); err != ErrAgain {
		t.Errorf("a drained socket: %v", err)
	}
	buf := make([]byte, 64<<10)
	for _, want := range [][]byte{[]byte("one"), {}, big} {
		c.SetReadDeadline(time.Now().Add(2 * time.Second))
		n, err := c.Read(buf)
		if err != nil || !bytes.Equal(buf[:n], want) {
			t.Fatalf("%d bytes, %v; want %d", n, err, len(want))
		}
	}
}

func TestDatagrams(t *testing.T) {
	t.Run("one address", func(t *testing.T) { exchange(t, "127.0.0.1:0", "127.0.0.1") })
	t.Run("any address", func(t *testing.T) { exchange(t, "0.0.0.0:0", "127.0.0.3") })
	t.Run("IPv6", func(t *testing.T) { exchange(t, "[::]:0", "::1") })
}

func TestSendUDPToNobody(t *testing.T) {
	fd, err := DialUDP(netip.MustParseAddrPort("127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := SendUDP(fd, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := SendUDP(fd, nil); err != syscall.ECONNREFUSED {
		t.Errorf("the second datagram tells of the first: %v", err)
	}
}

package lua

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// kafka is a broker with one topic "logs" of two partitions, as much as producers need.
type kafka struct {
	t    testing.TB
	port int
	sasl string // what PLAIN has to say, "" = nothing

	mu     sync.Mutex
	got    []string // partition:key=value
	asked  map[int]int
	errors []int16 // of the next produce requests
	offset int64
}

type kafkaReader struct{ b []byte }

func (r *kafkaReader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		panic("short request")
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}
func (r *kafkaReader) i16() int16 { return int16(binary.BigEndian.Uint16(r.take(2))) }
func (r *kafkaReader) i32() int32 { return int32(binary.BigEndian.Uint32(r.take(4))) }
func (r *kafkaReader) i64() int64 { return int64(binary.BigEndian.Uint64(r.take(8))) }
func (r *kafkaReader) str() string {
	n := r.i16()
	if n < 0 {
		return "<null>"
	}
	return string(r.take(int(n)))
}
func (r *kafkaReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

func put16(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }
func put32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func putStr(b []byte, s string) []byte {
	return append(put16(b, int16(len(s))), s...)
}

func (k *kafka) serve(c net.Conn) {
	in := bufio.NewReader(c)
	proved := k.sasl == ""
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(in, b); err != nil {
			return
		}
		r := &kafkaReader{b}
		api, version, id := r.i16(), r.i16(), r.i32()
		r.str()
		out := put32(nil, id)
		k.mu.Lock()
		k.asked[int(api)]++
		switch {
		case api == 17:
			out = put32(put16(out, 0), 0)
			r.str()
		case api == 36:
			said := string(r.take(int(r.i32())))
			code := int16(58)
			if said == k.sasl {
				code, proved = 0, true
			}
			out = put32(put16(put16(out, code), -1), 0)
		case !proved:
			k.mu.Unlock()
			return
		case api == 3 && version == 1:
			out = k.metadata(r, out)
		case api == 0 && version == 3:
			if out = k.produce(r, out); out == nil {
				k.mu.Unlock()
				continue
			}
		default:
			k.t.Errorf("request %d version %d", api, version)
		}
		if len(r.b) != 0 {
			k.t.Errorf("request %d has %d bytes too many", api, len(r.b))
		}
		k.mu.Unlock()
		_, _ = c.Write(append(put32(nil, int32(len(out))), out...))
	}
}

func (k *kafka) metadata(r *kafkaReader, out []byte) []byte {
	out = put16(putStr(put32(put32(out, 1), 7), "127.0.0.1"), -1)
	out = append(out[:len(out)-2], put16(put32(nil, int32(k.port)), -1)...)
	out = put32(out, 7) // controller
	n := int(r.i32())
	out = put32(out, int32(n))
	for range n {
		name := r.str()
		code, partitions := int16(3), 0
		if name == "logs" {
			code, partitions = 0, 2
		}
		out = append(putStr(put16(out, code), name), 0)
		out = put32(out, int32(partitions))
		for i := range partitions {
			out = put32(put32(put16(out, 0), int32(i)), 7)
			out = put32(put32(out, 1), 7)
			out = put32(put32(out, 1), 7)
		}
	}
	return out
}

func (k *kafka) produce(r *kafkaReader, out []byte) []byte {
	r.str()
	acks := r.i16()
	r.i32()
	if r.i32() != 1 {
		k.t.Error("more than one topic")
	}
	topic := r.str()
	if r.i32() != 1 {
		k.t.Error("more than one partition")
	}
	partition := r.i32()
	batch := &kafkaReader{r.take(int(r.i32()))}
	code := int16(0)
	if len(k.errors) > 0 {
		code, k.errors = k.errors[0], k.errors[1:]
	}
	offset := k.offset
	if code == 0 {
		k.records(partition, batch)
	}
	if acks == 0 {
		return nil
	}
	out = putStr(put32(out, 1), topic)
	out = put16(put32(put32(out, 1), partition), code)
	out = binary.BigEndian.AppendUint64(out, uint64(offset))
	out = binary.BigEndian.AppendUint64(out, 1<<64-1)
	return put32(out, 0)
}

func (k *kafka) records(partition int32, r *kafkaReader) {
	if r.i64() != 0 || int(r.i32()) != len(r.b) || r.i32() != -1 || r.take(1)[0] != 2 {
		k.t.Error("the head of the batch")
	}
	if sum := uint32(r.i32()); sum != crc32.Checksum(r.b, crc32.MakeTable(crc32.Castagnoli)) {
		k.t.Error("the batch's checksum")
	}
	attributes, last, first, newest := r.i16(), r.i32(), r.i64(), r.i64()
	if attributes != 0 || first != newest || first < 1.6e12 || r.i64() != -1 || r.i16() != -1 || r.i32() != -1 || r.i32() != last+1 {
		k.t.Error("the batch's fields")
	}
	for i := range int64(last + 1) {
		one := &kafkaReader{r.take(int(r.varint()))}
		one.take(1)
		if one.varint() != 0 || one.varint() != i {
			k.t.Error("a record's place")
		}
		key := "<null>"
		if n := one.varint(); n >= 0 {
			key = string(one.take(int(n)))
		}
		value := string(one.take(int(one.varint())))
		if one.varint() != 0 || len(one.b) != 0 {
			k.t.Error("a record's headers")
		}
		if len(value) > 20 {
			value = fmt.Sprintf("%d bytes", len(value))
		}
		k.got = append(k.got, fmt.Sprintf("%d:%s=%s", partition, key, value))
		k.offset++
	}
}

func newKafka(t *testing.T, sasl string) *kafka {
	k := &kafka{t: t, asked: map[int]int{}, sasl: sasl}
	port := portOf(serve(t, "tcp", k.serve))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.port = port
	return k
}

// fail has the next produce requests answered with errors.
func (k *kafka) fail(codes ...int16) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.errors = codes
}

func (k *kafka) took() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := strings.Join(k.got, " ")
	k.got = nil
	return s
}

func (k *kafka) run(body string) string {
	return inAccess(k.t.(*testing.T), fmt.Sprintf(`local producer = require "resty.kafka.producer" local brokers = { { host = "127.0.0.1", port = %d } } `, k.port)+body)
}

func TestKafkaProducer(t *testing.T) {
	k := newKafka(t, "")
	expect(t, k.run(`local p = producer:new(brokers, { retry_backoff = 1 }) say(p:send("logs", "k", "one")) say(p:send("logs", "k", "two")) say(p:send("logs", nil, ("x"):rep(100000))) say(p:send("logs", nil, "y"))
		say((p:offset())) say(p:send("absent", "k", "v")) local b, parts = require("resty.kafka.client"):new(brokers):fetch_metadata("logs") say(b[7].port == brokers[1].port, parts.num, parts[1].leader)`),
		"0\n1\n2\n3\n7\nnil topic absent: UNKNOWN_TOPIC_OR_PARTITION\ntrue 2 7")
	expect(t, k.took(), "1:k=one 1:k=two 1:<null>=100000 bytes 0:<null>=y")
	k.fail(6, 5)
	expect(t, k.run(`local p = producer:new(brokers, { retry_backoff = 1 }) say(p:send("logs", "k", "again"))`), "4")
	k.fail(10)
	expect(t, k.run(`local p = producer:new(brokers, { retry_backoff = 1 }) say(p:send("logs", "k", "big"))`), "nil MESSAGE_TOO_LARGE")
	k.fail(7, 7)
	expect(t, k.run(`local p = producer:new(brokers, { retry_backoff = 1, max_retry = 1 }) say(p:send("logs", "k", "late")) p = producer:new(brokers, { required_acks = 0 }) say(p:send("logs", "k", "unseen"))
		p = producer:new({ { host = "127.0.0.1", port = 1 } }, { max_retry = 0 }) say(p:send("logs", "k", "x")) say((pcall(producer.new, producer, {})))`),
		"nil REQUEST_TIMED_OUT\n0\nnil all brokers failed in fetch topic metadata: 127.0.0.1:1: connection refused\nfalse")
}

func TestKafkaAsync(t *testing.T) {
	k := newKafka(t, "")
	got := k.run(`local failed = {} local o = { producer_type = "async", flush_time = 10, batch_num = 3, max_buffering = 5, retry_backoff = 1, max_retry = 0, partitioner = function(key, n, id) return key == "b" and 1 or 0 end,
			error_handle = function(topic, partition, queue, n, err, retryable) failed[#failed + 1] = topic .. partition .. queue[1] .. queue[2] .. n .. err .. tostring(retryable) end }
		local p = producer:new(brokers, o, "c") say(p == producer:new(brokers, o, "c")) for i = 1, 4 do p:send("logs", i == 2 and "b" or "a", i) end ngx.sleep(0.06)
		for i = 1, 6 do local ok, err = p:send("logs", "a", i) if not ok then say(err) end end ngx.sleep(0.06) say(p:flush()) say(#failed)`)
	expect(t, got, "true\nbuffer overflow\ntrue\n0")
	s := k.took()
	for _, want := range []string{"0:a=1", "0:a=3", "1:b=2", "0:a=4", "0:a=5"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q has no %s", s, want)
		}
	}
	k.fail(10)
	if got := k.run(`local p = producer:new(brokers, { producer_type = "async", flush_time = 5, error_handle = function(...) say(...) end }) p:send("logs", "key", "v") ngx.sleep(0.05)`); got != "logs "+fmt.Sprint(crc32.ChecksumIEEE([]byte("key"))%2)+" "+got[strings.Index(got, "table"):] || !strings.HasSuffix(got, "2 MESSAGE_TOO_LARGE false") {
		t.Error(got)
	}
}

func TestKafkaLogIn(t *testing.T) {
	k := newKafka(t, "\x00user\x00pw")
	expect(t, k.run(`brokers[1].sasl_config = { mechanism = "PLAIN", user = "user", password = "pw" } say(producer:new(brokers, {}):send("logs", "k", "v"))
		brokers[1].sasl_config = { mechanism = "PLAIN", user = "other", password = "no" } local _, err = producer:new(brokers, { max_retry = 0 }):send("logs", "k", "v") say((err:match("SASL_AUTHENTICATION_FAILED")))
		brokers[1].sasl_config = { mechanism = "GSSAPI", user = "x", password = "no" } _, err = producer:new(brokers, { max_retry = 0 }):send("logs", "k", "v") say((err:match("SASL mechanism GSSAPI is not supported")))`),
		"0\nSASL_AUTHENTICATION_FAILED\nSASL mechanism GSSAPI is not supported")
}

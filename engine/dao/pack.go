package dao

import (
	"encoding/binary"
	"math"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// A packed record is a record as one string: a tenth of the memory of a map,
// for kinds with very many entities. Strings of an unpacked record share the
// packed one's bytes.
//
//	record = count field*     field = number (0xff: name) value
//	value  = tag and data, see the tags

// tags of values.
const (
	tagString byte = iota + 1 // length, bytes
	tagInt                    // zigzag varint: a whole number
	tagFloat                  // 8 bytes
	tagTrue
	tagFalse
	tagList // count, values
	tagMap  // count, (string value)*
	tagRef  // a foreign key {id = string}: length, bytes
	tagNull
)

// unnamed is the field number of a name that the schema does not have.
const unnamed = 0xff

type packer struct{ b []byte }

func (p *packer) uint(n uint64) { p.b = binary.AppendUvarint(p.b, n) }

func (p *packer) text(s string) {
	p.uint(uint64(len(s)))
	p.b = append(p.b, s...)
}

// value appends a value; false for one that no record should have.
func (p *packer) value(v any) bool {
	switch x := v.(type) {
	case string:
		p.b = append(p.b, tagString)
		p.text(x)
	case float64:
		if n := int64(x); float64(n) == x && n > -1<<53 && n < 1<<53 && (n != 0 || !math.Signbit(x)) {
			p.b = append(p.b, tagInt)
			p.b = binary.AppendVarint(p.b, n)
			return true
		}
		p.b = append(p.b, tagFloat)
		p.b = binary.LittleEndian.AppendUint64(p.b, math.Float64bits(x))
	case bool:
		if x {
			p.b = append(p.b, tagTrue)
		} else {
			p.b = append(p.b, tagFalse)
		}
	case []any:
		p.b = append(p.b, tagList)
		p.uint(uint64(len(x)))
		for _, e := range x {
			if !p.value(e) {
				return false
			}
		}
	case map[string]any:
		if id, ok := x["id"].(string); ok && len(x) == 1 {
			p.b = append(p.b, tagRef)
			p.text(id)
			return true
		}
		p.b = append(p.b, tagMap)
		p.uint(uint64(len(x)))
		for k, e := range x {
			p.text(k)
			if !p.value(e) {
				return false
			}
		}
	default:
		if !schema.IsNull(v) {
			return false
		}
		p.b = append(p.b, tagNull)
	}
	return true
}

// pack writes a record without its workspace, which the row knows. ok is
// false where a value cannot be packed.
func (k *kind) pack(rec Record) (s string, ok bool) {
	p := packer{b: make([]byte, 0, 128)}
	n := len(rec)
	if _, has := rec["ws_id"]; has {
		n--
	}
	p.uint(uint64(n))
	for name, v := range rec {
		if name == "ws_id" {
			continue
		}
		if i, known := k.numbers[name]; known {
			p.b = append(p.b, i)
		} else {
			p.b = append(p.b, unnamed)
			p.text(name)
		}
		if !p.value(v) {
			return "", false
		}
	}
	return string(p.b), true
}

// unpacker reads a packed record, which this package wrote.
type unpacker struct {
	s  string
	at int
}

func (u *unpacker) byte() byte {
	c := u.s[u.at]
	u.at++
	return c
}

func (u *unpacker) uint() uint64 {
	var n uint64
	for shift := 0; ; shift += 7 {
		c := u.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
}

func (u *unpacker) text() string {
	n := int(u.uint())
	s := u.s[u.at : u.at+n]
	u.at += n
	return s
}

func (u *unpacker) value() any {
	switch u.byte() {
	case tagString:
		return u.text()
	case tagInt:
		n := u.uint()
		return float64(int64(n>>1) ^ -int64(n&1))
	case tagFloat:
		var n uint64
		for i := range 8 {
			n |= uint64(u.byte()) << (8 * i)
		}
		return math.Float64frombits(n)
	case tagTrue:
		return true
	case tagFalse:
		return false
	case tagList:
		l := make([]any, u.uint())
		for i := range l {
			l[i] = u.value()
		}
		return l
	case tagMap:
		n := u.uint()
		m := make(map[string]any, n)
		for range n {
			k := u.text()
			m[k] = u.value()
		}
		return m
	case tagRef:
		return map[string]any{"id": u.text()}
	}
	return schema.Null
}

func (k *kind) unpack(s string) Record {
	u := unpacker{s: s}
	n := int(u.uint())
	rec := make(Record, n+1)
	for range n {
		name := ""
		if i := u.byte(); i == unnamed {
			name = u.text()
		} else {
			name = k.schema.Fields[i].Name
		}
		rec[name] = u.value()
	}
	return rec
}

package lua

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
)

// maxInflated bounds what gzip.inflate gives, in bytes.
const maxInflated = 256 << 20

// The operations behind kong.tools.gzip.
func init() {
	RegisterOp("gzip.deflate", func(c *Call) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, c.String(0)); err != nil {
			c.Return(nil, err.Error())
			return
		}
		if err := w.Close(); err != nil {
			c.Return(nil, err.Error())
			return
		}
		c.Return(b.Bytes())
	})
	RegisterOp("gzip.deflate_level", func(c *Call) {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, min(max(c.Int(1), -1), 9))
		if err == nil {
			if _, err = w.Write(c.Bytes(0)); err == nil {
				err = w.Close()
			}
		}
		if err != nil {
			c.Return(nil, err.Error())
			return
		}
		c.Return(b.Bytes())
	})
	RegisterOp("gzip.inflate", func(c *Call) { inflate(c, false) })
	RegisterOp("gzip.inflate_any", func(c *Call) { inflate(c, true) })
}

// inflate answers with what was compressed: gzip, or zlib where that is allowed, too.
func inflate(c *Call, zlibToo bool) {
	data := c.Bytes(0)
	var r io.Reader
	var err error
	if zlibToo && len(data) > 1 && data[0] == 0x78 {
		r, err = zlib.NewReader(bytes.NewReader(data))
	} else {
		r, err = gzip.NewReader(bytes.NewReader(data))
	}
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	b, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	if err == nil && len(b) > maxInflated {
		err = errors.New("the inflated data is larger than 256 MB")
	}
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	c.Return(b)
}

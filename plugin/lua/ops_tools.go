package lua

import (
	"bytes"
	"compress/gzip"
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
	RegisterOp("gzip.inflate", func(c *Call) {
		r, err := gzip.NewReader(bytes.NewReader([]byte(c.String(0))))
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
	})
}

package lua

import (
	"strconv"

	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
)

// The operations behind kong.request, ngx.req and ngx.var (lib/kong/pdk/request.lua,
// lib/gibbon/ngx_req.lua, lib/gibbon/ngx.lua).
func init() {
	RegisterOp("request.body", onRequest(requestBody))
	RegisterOp("request.read_body", onRequest(func(c *Call, k *pdk.Kong) {
		withBody(c, k, func() {
			k.X.Bits |= bitBodyRead
			c.Return()
		})
	}))
	RegisterOp("request.body_data", onRequest(bodyData))
	RegisterOp("request.body_file", onRequest(bodyFile))
	RegisterOp("request.captures", onRequest(captures))
	RegisterOp("var.get", onRequest(func(c *Call, k *pdk.Kong) {
		name := c.String(0)
		if v, ok := vars.Get(nil, k, name); ok {
			c.Return(v)
			return
		}
		if body := k.Host.Body(); name == "content_length" && body != nil && body.Len() > 0 { // of a chunked body, once it is read
			c.Return(strconv.FormatInt(body.Len(), 10))
			return
		}
		c.Return(nil)
	}))
	RegisterOp("var.set", onRequest(func(c *Call, k *pdk.Kong) { settle(c, vars.Set(k, c.String(0), c.String(1))) }))
}

// withBody calls then once the request body is complete, at once or later.
func withBody(c *Call, k *pdk.Kong, then func()) {
	ready, err := k.Host.ReadBody(func(err error) {
		if err != nil {
			c.Fail(err.Error())
			return
		}
		then()
	})
	switch {
	case err != nil:
		c.Fail(err.Error())
	case ready:
		then()
	}
}

// requestBody(max_file): the body; nil, text, true where it is in a file that
// max_file does not allow, or that does not fit into memory.
func requestBody(c *Call, k *pdk.Kong) {
	withBody(c, k, func() {
		body := k.Host.Body()
		if body == nil || !body.InFile() {
			b, err := k.Request.RawBody(0)
			refuse(c, err, b)
			return
		}
		err := pdk.FileAllowed(body.Len(), int64(c.Number(0)))
		if err == nil {
			err = loadBody(c, body)
		}
		if err != nil {
			c.Return(nil, pdk.BudgetAdvice(err).Error(), true)
		}
	})
}

// loadBody answers with a body that is in a file; the loop goes on meanwhile.
func loadBody(c *Call, body *spool.Spool) error {
	read, err := body.Loader()
	if err != nil {
		return err
	}
	var results []byte
	size := int(body.Len())
	c.Worker().Loop.Go(func() {
		results, err = read(luajit.AppendStringHead(make([]byte, 0, size+16), size))
	}, func() {
		if err != nil {
			c.Return(nil, err.Error(), true)
			return
		}
		c.returnEncoded(results)
	})
	return nil
}

func inFile(k *pdk.Kong) bool {
	body := k.Host.Body()
	if body == nil {
		return false
	}
	return body.InFile()
}

// bodyData(): the body in memory or nil, whether it was read, whether it is in a file.
func bodyData(c *Call, k *pdk.Kong) {
	body := k.Host.Body()
	if body == nil {
		c.Return(nil, k.X.Bits&bitBodyRead != 0, false)
		return
	}
	if b, memory := body.Bytes(); memory {
		if len(b) == 0 {
			c.Return(nil, true, false)
			return
		}
		c.Return(b, true, false)
		return
	}
	c.Return(nil, true, true)
}

// bodyFile(): a name under which the body can be opened, nil unless it did not
// stay in memory. It is good as long as the request.
func bodyFile(c *Call, k *pdk.Kong) {
	if !inFile(k) {
		c.Return(nil)
		return
	}
	c.Return(k.Host.Body().Path())
}

// captures(): the list of groups, the whole match first, false for one that
// took no part; the named ones.
func captures(c *Call, k *pdk.Kong) {
	var groups pdk.Captures
	if k.Captures != nil {
		groups = *k.Captures
	}
	named := make(map[string]any, len(groups.Names))
	for i, n := range groups.Names {
		if i < len(groups.Values) {
			named[n] = groups.Values[i]
		}
	}
	list := make([]any, len(groups.Unnamed))
	for i, v := range groups.Unnamed {
		list[i] = v
		if i < 64 && groups.Absent&(1<<i) != 0 {
			list[i] = false
		}
	}
	if len(list) == 1 { // a regex without groups
		list = nil
	}
	c.Return(list, named)
}

package lua

import (
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// noRequest is what OpenResty says where an API needs a request and there is none.
const noRequest = "API disabled in the current context"

// onRequest makes an operation of one that needs a request.
func onRequest(op func(c *Call, k *pdk.Kong)) Op {
	return func(c *Call) {
		k := c.Kong()
		if k == nil {
			c.Fail(noRequest)
			return
		}
		op(c, k)
	}
}

// settle answers with nothing, or raises err in the calling code.
func settle(c *Call, err error) {
	if err != nil {
		c.Fail(err.Error())
		return
	}
	c.Return()
}

// refuse answers nil, text for an error, else with results.
func refuse(c *Call, err error, results ...any) {
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	c.Return(results...)
}

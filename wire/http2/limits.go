package http2

// What a peer is charged for frames that cost us more than they cost it, in
// points of a budget that refills with time and with work that was useful.
const (
	costPing     = 1 // PING to answer
	costSettings = 4 // SETTINGS to apply and to acknowledge
	costUpdate   = 1 // WINDOW_UPDATE
	costIgnored  = 1 // PRIORITY, frames of unknown types
	costEmpty    = 4 // DATA without data, an interim response
	costReset    = 4 // a stream that was begun in vain (CVE-2023-44487)
	costDribble  = 1 // DATA that the peer's window kept small (CVE-2019-9511)

	earnStream = 4 // a stream that ended as it should
	earnData   = 1 // DATA sent, and as much again for each kB of it

	// budgetCap is the default of Options.Budget: a burst of 500 resets.
	budgetCap = 2000
	// refillRate is in points per second.
	refillRate = 200
	// maxContinuations bounds the frames of one header block (CVE-2024-27983);
	// their bytes are bounded by Options.MaxHeaderList.
	maxContinuations = 32
)

// charge takes n points; without enough of them the connection ends.
func (c *Conn) charge(n int) error {
	if c.budget < n {
		now := c.o.Clock()
		if d := now - c.refilled; d > 0 {
			c.earn(int(min(d, 1e12) * refillRate / 1e9))
			c.refilled = now
		}
	}
	if c.budget < n {
		return &ConnError{EnhanceYourCalm, "too many frames that do nothing"}
	}
	c.budget -= n
	return nil
}

func (c *Conn) earn(n int) { c.budget = min(c.budget+n, c.o.Budget) }

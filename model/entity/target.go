package entity

// Target is a decoded target: one backend of an upstream.
type Target struct {
	ID        string
	Workspace string  `kong:"ws_id"`
	CreatedAt float64 // seconds since the epoch, with a fraction
	UpdatedAt float64
	Upstream  Ref
	// Target is host:port; the host may be a name.
	Target string
	// Weight is 0–65535; 0 takes the target out.
	Weight int
	Tags   []string
}

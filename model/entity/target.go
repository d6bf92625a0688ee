package entity

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

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

func targetSchema() *schema.Schema {
	return &schema.Schema{
		Name: "targets", EndpointKey: "target", Workspaceable: true, CacheKey: []string{"upstream", "target"},
		Fields: []schema.Field{
			schema.ID, schema.CreatedAtMs, schema.UpdatedAtMs,
			{Name: "upstream", Type: schema.Foreign, Reference: "upstreams", Required: true, OnDelete: "cascade"},
			{Name: "target", Type: schema.String, Required: true, LenMin: schema.Int(0), Custom: checkTarget},
			{Name: "weight", Type: schema.Integer, Default: 100, Between: []float64{0, 65535}},
			schema.Tags,
		},
		Transformations: []schema.Transformation{{Input: []string{"target"}, Always: true, OnWrite: func(rec map[string]any) (map[string]any, error) {
			s, _ := rec["target"].(string)
			t, _ := FormatTarget(s)
			return map[string]any{"target": t}, nil
		}}},
	}
}

func checkTarget(v any) error {
	s, _ := v.(string)
	if _, ok := FormatTarget(s); !ok {
		return fmt.Errorf("Invalid target ('%s'); not a valid hostname or ip address", s)
	}
	return nil
}

// DefaultTargetPort is the port of a target that names none.
const DefaultTargetPort = 8000

// FormatTarget brings a target into its one form, host:port, with IPv6
// addresses written in full between brackets.
func FormatTarget(s string) (string, bool) {
	host, port, ok := schema.SplitHostPort(s)
	if !ok || host == "" {
		return "", false
	}
	if port < 0 {
		port = DefaultTargetPort
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + a.StringExpanded() + "]"
	}
	return host + ":" + strconv.Itoa(port), true
}

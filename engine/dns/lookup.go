package dns

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// maxDepth bounds CNAME and SRV chains that lead from name to name.
const maxDepth = 8

var errTooDeep = errors.New("dns client error: recursion detected")

// lookup asks for a name: the hosts file, then each type of the order over
// each candidate of the search list. The first answer with records wins; else
// the gravest failure is the answer: a server that failed for the name itself
// says more than one that does not know the name under a search domain.
func (r *Resolver) lookup(ctx context.Context, e *entry) *Answer {
	a, err := r.walk(ctx, e.name, r.order(e), 0)
	if err != nil {
		return &Answer{Name: e.name, Err: err}
	}
	return a
}

// order is the order of types for a name, LAST put in.
func (r *Resolver) order(e *entry) []Type {
	last := Type(e.last.Load())
	order := make([]Type, 0, len(r.opts.Order))
	add := func(t Type) {
		if !slices.Contains(order, t) {
			order = append(order, t)
		}
	}
	for _, t := range r.opts.Order {
		switch {
		case t == Last:
			if last != 0 && !r.opts.NewClient && slices.Contains(r.opts.Order, last) {
				add(last)
			}
		case r.opts.NewClient && (t == TypeCNAME || t == TypeSRV && !serviceName(e.name)):
		default:
			add(t)
		}
	}
	return order
}

// serviceName tells names of the form _service._proto.name.
func serviceName(name string) bool {
	service, rest, _ := strings.Cut(name, ".")
	proto, rest, _ := strings.Cut(rest, ".")
	return strings.HasPrefix(service, "_") && strings.HasPrefix(proto, "_") && rest != ""
}

func (r *Resolver) walk(ctx context.Context, name string, order []Type, depth int) (*Answer, error) {
	if a := r.fromHosts(name, order); a != nil {
		return a, nil
	}
	if depth > maxDepth {
		return nil, errTooDeep
	}
	last := &Error{Code: rcodeNameError}
	if len(order) == 0 {
		last.Code = CodeEmpty
	}
	for _, t := range order {
		for _, candidate := range r.conf.candidates(name) {
			a, err := r.one(ctx, candidate, t, order, depth)
			if err == nil {
				a.Name = name
				return a, nil
			}
			var answered *Error
			if !errors.As(err, &answered) {
				// Servers that keep silent will do so for the other types too.
				return nil, err
			}
			if answered.gravity() >= last.gravity() {
				last = answered
			}
		}
	}
	return nil, last
}

// one asks for one type of one full name.
func (r *Resolver) one(ctx context.Context, name string, t Type, order []Type, depth int) (*Answer, error) {
	rep, err := r.exchange(ctx, name, t)
	if err != nil {
		return nil, err
	}
	if rep.rcode != 0 {
		return nil, &Error{Code: rep.rcode}
	}
	found, ttl := rep.follow(name, t)
	switch {
	case len(found) > 0 && t == TypeCNAME:
		return r.dereference(ctx, found[0].target, without(order, TypeCNAME), ttl, depth)
	case len(found) > 0 && t == TypeSRV:
		return r.services(ctx, found, ttl, order, depth)
	case len(found) > 0:
		a := &Answer{Type: t, Expires: r.expiry(ttl)}
		for _, f := range found {
			a.Records = append(a.Records, Record{Addr: f.addr, Weight: 1})
		}
		return a, nil
	case rep.alias(name) != "" && t != TypeCNAME:
		// The server gave an alias without following it.
		return r.dereference(ctx, rep.alias(name), []Type{t}, ttl, depth)
	}
	return nil, &Error{Code: CodeEmpty}
}

func without(order []Type, t Type) []Type {
	return slices.DeleteFunc(slices.Clone(order), func(o Type) bool { return o == t })
}

// dereference resolves what an alias points to; the shorter time to live counts.
func (r *Resolver) dereference(ctx context.Context, target string, order []Type, ttl uint32, depth int) (*Answer, error) {
	a, err := r.walk(ctx, target, order, depth+1)
	if err != nil {
		return nil, err
	}
	if until := r.expiry(ttl); until.Before(a.Expires) {
		a.Expires = until
	}
	return a, nil
}

// services makes an answer of SRV records: those of the lowest priority, each
// with the addresses of its target. Records whose target cannot be resolved
// are left out as long as there are others.
func (r *Resolver) services(ctx context.Context, found []resource, ttl uint32, order []Type, depth int) (*Answer, error) {
	lowest := found[0].priority
	for _, f := range found {
		lowest = min(lowest, f.priority)
	}
	found = slices.DeleteFunc(found, func(f resource) bool { return f.priority != lowest })
	order = without(order, TypeSRV)
	a := &Answer{Type: TypeSRV, Expires: r.expiry(ttl)}
	targets := make(map[string]*Answer)
	share := 1
	var last error
	for _, f := range found {
		if _, seen := targets[f.target]; seen {
			continue
		}
		t, err := r.target(ctx, f.target, order, depth)
		if err != nil {
			last = err
			continue
		}
		targets[f.target] = t
		share = lcm(share, len(t.Records))
		if t.Expires.Before(a.Expires) {
			a.Expires = t.Expires
		}
	}
	for _, f := range found {
		t := targets[f.target]
		if t == nil {
			continue
		}
		for _, rec := range t.Records {
			// A weight of 0 is a weight of 1. A target with two addresses
			// gives each half of its record's weight.
			a.Records = append(a.Records, Record{
				Addr: rec.Addr, Port: f.port, Target: f.target, Priority: f.priority,
				Weight: max(max(int(f.weight), 1)*share/len(t.Records), 1),
			})
		}
	}
	if len(a.Records) == 0 {
		return nil, last
	}
	return a, nil
}

// target resolves what an SRV record points to, which may be an address.
func (r *Resolver) target(ctx context.Context, name string, order []Type, depth int) (*Answer, error) {
	if addr, ok := parseAddr(name); ok {
		return literal(name, addr), nil
	}
	return r.walk(ctx, name, order, depth+1)
}

// lcm is the least common multiple, or b-free a where it would grow too large.
func lcm(a, b int) int {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	if m := a / x * b; m <= 1<<12 {
		return m
	}
	return a
}

// expiry is when records of a time to live expire.
func (r *Resolver) expiry(ttl uint32) time.Time {
	d := time.Duration(ttl) * time.Second
	if r.opts.ValidTTL != nil {
		d = *r.opts.ValidTTL
	}
	return r.opts.Now().Add(d)
}

// follow returns the records of a type for a name, through the aliases in the
// same message, and the shortest time to live on the way.
func (rep *reply) follow(name string, t Type) (found []resource, ttl uint32) {
	ttl = ^uint32(0)
	for range maxDepth {
		for _, res := range rep.records {
			if res.owner == name && res.typ == t {
				found = append(found, res)
				ttl = min(ttl, res.ttl)
			}
		}
		if len(found) > 0 {
			return found, ttl
		}
		i := slices.IndexFunc(rep.records, func(res resource) bool { return res.owner == name && res.typ == TypeCNAME })
		if i < 0 {
			return nil, ttl
		}
		name = rep.records[i].target
		ttl = min(ttl, rep.records[i].ttl)
	}
	return nil, ttl
}

// alias is where the aliases of a message lead to, "" when there is none.
func (rep *reply) alias(name string) string {
	end := ""
	for range maxDepth {
		i := slices.IndexFunc(rep.records, func(res resource) bool { return res.owner == name && res.typ == TypeCNAME })
		if i < 0 {
			return end
		}
		name = rep.records[i].target
		end = name
	}
	return end
}

func isNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.NotFound()
}

// Package ipset says whether an address is among a list of addresses and CIDR
// blocks, without an allocation and in a time that does not grow with the list.
package ipset

import (
	"fmt"
	"net/netip"
	"sort"
)

// Set is a list of blocks. The zero Set is empty.
type Set struct {
	// blocks by masked prefix; lengths are the different prefix lengths, for
	// IPv4 and IPv6, longest first.
	blocks  map[netip.Prefix]struct{}
	lengths [2][]int
}

// New makes a Set of addresses ("10.1.2.3") and blocks ("10.0.0.0/8"), IPv4 and IPv6.
func New(list []string) (*Set, error) {
	s := &Set{blocks: make(map[netip.Prefix]struct{}, len(list))}
	seen := map[int]bool{}
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a CIDR block", text)
			}
			a = a.Unmap()
			p = netip.PrefixFrom(a, a.BitLen())
		}
		p = p.Masked()
		s.blocks[p] = struct{}{}
		family := family(p.Addr())
		if key := family<<8 | p.Bits(); !seen[key] {
			seen[key] = true
			s.lengths[family] = append(s.lengths[family], p.Bits())
		}
	}
	for _, l := range s.lengths {
		sort.Sort(sort.Reverse(sort.IntSlice(l)))
	}
	return s, nil
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// Len is the number of different blocks.
func (s *Set) Len() int { return len(s.blocks) }

// Contains says whether a is in one of the blocks.
func (s *Set) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, bits := range s.lengths[family(a)] {
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		if _, ok := s.blocks[p]; ok {
			return true
		}
	}
	return false
}

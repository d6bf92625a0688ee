package dao

import (
	"slices"
	"strings"
)

// childRows lists the rows that point to one parent, in the order of ids.
func (s *kindStore) childRows(q Query) []*row {
	i := s.k.foreignAt(q.Foreign)
	if i < 0 {
		return nil
	}
	list, _ := s.table().foreign[i].get(key{0, q.ForeignID})
	var rows []*row
	list.each(func(r *row) bool { rows = append(rows, r); return true })
	slices.SortFunc(rows, func(a, b *row) int { return strings.Compare(a.id, b.id) })
	return rows
}

// search finds the first row behind id.
func search(rows []*row, id string) int {
	i, found := slices.BinarySearchFunc(rows, id, func(r *row, id string) int { return strings.Compare(r.id, id) })
	if found {
		i++
	}
	return i
}

func hasTags(rec Record, q Query) bool {
	if len(q.Tags) == 0 {
		return true
	}
	tags, _ := rec["tags"].([]any)
	for _, want := range q.Tags {
		has := slices.Contains(tags, any(want))
		if has && q.TagsAny {
			return true
		}
		if !has && !q.TagsAny {
			return false
		}
	}
	return !q.TagsAny
}

package spool

import "strconv"

// Path is a name under which the body can be opened while s lives; "" for one
// that is in memory. The file itself has no name: it vanishes with s.
func (s *Spool) Path() string {
	if s.file == nil {
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(int(s.file.Fd()))
}

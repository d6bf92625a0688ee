package main

import (
	"os"
	"time"
)

// eventually is a file's text once it is there; empty when it does not come.
func eventually(path string) string {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			return string(b)
		}
	}
	return ""
}

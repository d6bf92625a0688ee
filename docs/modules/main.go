// Command modules prints docs/lua-modules.md:
//
//	go run ./docs/modules > docs/lua-modules.md
package main

import "os"

func main() {
	if _, err := os.Stdout.WriteString(page()); err != nil {
		os.Exit(1)
	}
}

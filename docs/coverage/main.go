// Command coverage prints docs/coverage.md, which shows the tests for each
// statement of the reference's documentation about kong.response, handlers,
// kong.websocket and ngx.req.socket:
//
//	go run ./docs/coverage > docs/coverage.md
//
// rows.tsv numbers the statements. A test names what it covers in its comment,
// "Documented row 13" or "Documented rows 7-10, 56"; what follows the number
// says where the recorded behaviour differs from the statement.
package main

import (
	"fmt"
	"os"
)

func main() {
	page, err := markdown("../..")
	if err != nil {
		page, err = markdown(".") // run from the module's root
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "coverage:", err)
		os.Exit(1)
	}
	fmt.Print(page)
}

// Command settings prints docs/settings.md:
//
//	go run ./docs/settings > docs/settings.md
package main

import (
	"fmt"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

func main() { fmt.Print(conf.Markdown()) }

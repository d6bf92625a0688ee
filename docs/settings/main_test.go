package main

import (
	"os"
	"testing"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

func TestPageIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../settings.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != conf.Markdown() {
		t.Error("docs/settings.md is not what the table of settings says: go run ./docs/settings > docs/settings.md")
	}
}

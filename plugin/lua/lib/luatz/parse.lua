-- luatz.parse: times of text
return require("luatz").parse

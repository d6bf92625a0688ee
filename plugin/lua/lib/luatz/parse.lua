-- luatz.parse
return require("luatz").parse

-- luatz.gettime
return require("luatz").gettime

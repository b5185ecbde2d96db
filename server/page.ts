/** The page at the relay's root: ordinary, without script, cookie or anything fetched. */

export const PAGE: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Welcome</title>
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}</style>
</head>
<body>
<h1>Welcome</h1>
<p>This server is running. There is nothing else to see on this page.</p>
</body>
</html>
`;

from gobelin.cli import main

main()

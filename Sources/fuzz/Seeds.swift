import Glibc

/// Inputs to start from, so that little time goes into finding what a file looks like.
private func seeds(_ target: FuzzTarget) -> [[UInt8]] {
    let texts: [String] =
        switch target {
        case .json:
            [
                #"{"a":[1,-0.5e3,true,null],"b":"\ud83d\ude00\u0041\\","a":{}}"#, "[[[[]]]]", "\"é\u{10FFFF}\"",
                "1e400", "-9223372036854775808",
            ]
        case .csv:
            [
                " u1,bot,user,\"Hello, \"\"you\"\"\",2024-01-02T03:04:05Z,\"{\"\"joy\"\":1}\",\"[1,2.5]\"\r\n",
                "user_id,role,content,created_at\nu,user,\"two\nlines\",2024-01-02 03:04:05\n\nu,bot,x,1970-01-01\n",
            ]
        case .jsonl:
            [
                #"{"user_id":"u","role":"user","content":"hi","created_at":"2024-01-02T03:04:05+02:00"}"# + "\n",
                #"{"user_id":7,"bot_name":"b","role":"bot","content":"","created_at":"2024-01-02","embedding":[1,2]}"#,
            ]
        case .text:
            [
                "By the way, do you like sailing?? I loooove it 😀 https://a.example/x", "haha ok 👨‍👩‍👧 2nd co-op don't",
                "我们去划船吧。", "CAPS and e\u{301} \u{200D}", "مرحبا كيف حالك",
            ]
        case .url:
            [
                "postgresql://user:secret-password@host:5432/db?sslmode=require", "host=/run dbname=d password='a b'",
                "postgresql://h1,h2:1/db?target_session_attrs=read-write&options=-c%20x",
            ]
        case .time: ["2024-02-29T23:59:60.123456789+14:00", "1970-01-01", "2024-01-02 03:04:05.5Z", "-infinity"]
        case .abi, .fold:
            ["\u{0}\u{2}u1\u{3}bot\u{1f}{\"messages\":[{\"text\":\"a\"}]}\u{7f}", "abcdefghijklmnopqrstuvwxyz"]
        case .state, .refold: []
        }
    return texts.map { Array($0.utf8) } + ([.state, .refold].contains(target) ? seedStates() : [])
}

/// Writes the seeds of every target, a folder each.
func writeSeeds(to folder: String) {
    for target in FuzzTarget.allCases {
        let path = "\(folder)/\(target.name)"
        unsafe mkdir(folder, 0o755)
        unsafe mkdir(path, 0o755)
        for (index, bytes) in seeds(target).enumerated() {
            guard let file = unsafe fopen("\(path)/seed-\(index)", "w") else {
                misuse("expected \(path) to be a folder that can be written to")
            }
            _ = unsafe bytes.withUnsafeBytes { unsafe fwrite($0.baseAddress, 1, $0.count, file) }
            unsafe fclose(file)
        }
    }
}

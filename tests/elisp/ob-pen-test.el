;;; ob-pen-test.el --- Org blocks: what they ask, and where results land -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'org)
(require 'ob-pen)

(defmacro ob-pen-test-with (text table &rest body)
  "Run BODY in an org buffer with TEXT, point at its first block.
TABLE answers before the fixture's definitions do."
  (declare (indent 2) (debug t))
  `(pen-rpc-fake-with
       (append ,table
               (list (list "prompts-list" 'value pen-fixture-definitions)
                     (list "completions-start" 'events
                           '(delta :index 0 :text "a") (pen-fixture-done "a pun"))))
     (with-temp-buffer
       (let ((org-inhibit-startup t) (org-confirm-babel-evaluate nil)
             (pen-block--running nil) (pen-last-prompt-data nil)
             (inhibit-message t))
         (delay-mode-hooks (org-mode))
         (insert ,text)
         (goto-char (point-min))
         (re-search-forward "^#\\+begin_src pen")
         (goto-char (match-beginning 0))
         ,@body))))

(defun ob-pen-test-background ()
  "Run the block at point as a person does, and let org put its line there."
  (let ((noninteractive nil))
    (org-babel-execute-src-block)))

(defun ob-pen-test-settle ()
  "Wait until no block runs."
  (pen-fixture-until (lambda () (null pen-block--running))))

(defun ob-pen-test-block (header &optional body)
  "Return a block with HEADER and BODY."
  (format "#+begin_src pen %s\n%s\n#+end_src\n" header (or body "hello")))

(defun ob-pen-test-asked (header &optional body)
  "Return what a block with HEADER and BODY asks of the model."
  (ob-pen-test-with (ob-pen-test-block header body) nil
    (org-babel-execute-src-block)
    (pen-rpc-fake-last "completions-start")))

(defun ob-pen-test-result ()
  "Return what stands below the block, without the line #+RESULTS."
  (save-excursion
    (goto-char (point-min))
    (re-search-forward "^#\\+RESULTS.*:\n")
    (string-trim (buffer-substring-no-properties (point) (point-max)))))

;;;; What is asked

(ert-deftest ob-pen-test-body-is-the-text-or-the-last-variable ()
  (let ((pen-fixture-definitions
         (cons '(:slug "continue" :arity 1 :n 1 :variables ((:name "text" :type "text")))
               pen-fixture-definitions)))
    (should (equal (ob-pen-test-asked "")
                   '(:prompt "continue" :values (("text" "hello")) :n 1))))
  (should (equal (ob-pen-test-asked ":prompt list-of :var n=5" "tennis players")
                 '(:prompt "list-of" :values (("n" "5") ("things" "tennis players")) :n 1)))
  (should (equal (ob-pen-test-asked ":prompt pun-complete :n 2 :var jokes='((\"a\" \"b\") (\"c\"))" "")
                 '(:prompt "pun-complete" :values (("jokes" "a b\nc")) :n 2))))

(ert-deftest ob-pen-test-every-argument-of-a-completion-is-sent ()
  (should (equal (ob-pen-test-asked
                  ":prompt greet :model m :n 3 :temperature 0.5 :max-tokens 9 :seed 4 :stop \"END\"" "")
                 '(:prompt "greet" :values nil :model "m" :n 3 :temperature 0.5 :max-tokens 9
                           :seed 4 :stop ("END")))))

(ert-deftest ob-pen-test-texts-to-stop-at-are-one-or-several ()
  (pcase-dolist (`(,header . ,texts) '(("\"\\n\"" "\n") ("END" "END") ("'(\"a\" \"\\n\")" "a" "\n")
                                    ("\"a\" \"\\n\"" "a" "\n") ("\"a\", \"b c\" :n 2" "a" "b c")))
    (should (equal (plist-get (ob-pen-test-asked (concat ":prompt greet :stop " header) "") :stop)
                   texts))))

(ert-deftest ob-pen-test-a-header-goes-before-a-property-and-that-before-an-option ()
  (let ((text "* A\n:PROPERTIES:\n:PEN_MODEL: theirs\n:PEN_PROMPT: greet\n:END:\n** B\n")
        (pen-default-model "mine"))
    (pcase-dolist (`(,header . ,model) '(("" . "theirs") (":model ours" . "ours")))
      (ob-pen-test-with (concat text (ob-pen-test-block header "")) nil
        (org-babel-execute-src-block)
        (should (equal (pen-rpc-fake-last "completions-start")
                       (list :prompt "greet" :values nil :model model :n 1)))))
    (should (equal (plist-get (ob-pen-test-asked ":prompt greet" "") :model) "mine"))))

(ert-deftest ob-pen-test-a-session-sends-what-was-said-above ()
  (ob-pen-test-with
      (concat (ob-pen-test-block ":session s :prompt old" "one") "\n#+RESULTS:\n:results:\nfirst\n:end:\n\n"
              (ob-pen-test-block ":session other :prompt old" "no") "\n#+RESULTS:\n:results:\nno\n:end:\n\n"
              (ob-pen-test-block ":session s :prompt old" "two") "\n#+RESULTS:\n: ,second\n\n"
              (ob-pen-test-block ":session s :prompt old" "three"))
      nil
    (dolist (place '("^#\\+begin_src" "^three" "^#\\+end_src"))
      (dotimes (_ 2)
        (goto-char (point-max))
        (re-search-backward place)
        (org-babel-execute-src-block)
        (should (equal (pen-rpc-fake-last "completions-start")
                       '(:prompt "old" :values (("text" "one")) :n 1
                                 :history ((:answer "first" :value "two")
                                           (:answer ",second" :value "three")))))))))

(ert-deftest ob-pen-test-wrong-headers-are-said-in-a-sentence ()
  (dolist (header '(":prompt greet :n many" ":prompt greet :action fly" ":prompt greet :n"
                    ":prompt list-of :var m=3" ":prompt list-of :var things=\"a\""
                    ":prompt greet" ":action compare :prompt old :models one"))
    (let ((err (should-error (ob-pen-test-asked header))))
      (should (memq (car err) '(user-error pen-bad-params-error)))
      (should (string-match-p "[;,] " (cadr err))))))

;;;; Where results land

(ert-deftest ob-pen-test-three-reruns-give-one-result-while-text-is-typed-above ()
  (ob-pen-test-with (concat "above\n" (ob-pen-test-block ":prompt old") "\nbelow\n") nil
    (dotimes (_ 3)
      (ob-pen-test-background)
      (should (string-match-p "^pen: running req-[0-9]+$" (buffer-string)))
      (save-excursion (goto-char (point-min)) (insert "typed\n"))
      (ob-pen-test-settle))
    (should (= 1 (how-many "a pun" (point-min) (point-max))))
    (should-not (string-match-p "running" (buffer-string)))
    (should (string-match-p "#\\+RESULTS:\n:results:\na pun\n:end:\n\nbelow\n\\'" (buffer-string)))
    (should (string-prefix-p "typed\ntyped\ntyped\nabove\n#+begin_src" (buffer-string)))))

(ert-deftest ob-pen-test-a-result-is-a-step-of-its-own-to-undo ()
  (ob-pen-test-with (concat (ob-pen-test-block ":prompt old") "\nbelow\n") nil
    (buffer-enable-undo)
    (ob-pen-test-background)
    (undo-boundary)
    (goto-char (point-max))
    (insert "a")                        ; a command that goes on, as typing does
    (ob-pen-test-settle)
    (goto-char (point-max))
    (insert "b")
    (undo-boundary)
    (setq last-command nil)
    (undo)
    (should (string-match-p "a pun[^\0]*a\\'" (buffer-string)))
    (setq last-command 'undo)
    (undo-more 1)
    (should (string-match-p "running[^\0]*a\\'" (buffer-string)))))

(ert-deftest ob-pen-test-a-rerun-replaces-what-is-wrapped-in-any-block ()
  (dolist (wrap '("quote" "center" "verse" "example" "note"))
    (dolist (background '(nil t))
      (ob-pen-test-with (concat (ob-pen-test-block (concat ":prompt old :wrap " wrap)) "\nbelow\n")
          (list (list "completions-start" 'events (pen-fixture-done "one\n\ntwo")))
        (dotimes (_ 3)
          (if background (ob-pen-test-background) (org-babel-execute-src-block))
          (ob-pen-test-settle))
        (should (equal (ob-pen-test-result)
                       (format "#+begin_%s\none\n\ntwo\n#+end_%s\n\nbelow" wrap wrap)))))))

(ert-deftest ob-pen-test-text-inserted-right-before-the-block-does-not-matter ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old") nil
    (ob-pen-test-background)
    (goto-char (point-min))
    (insert "* Heading\n")
    (narrow-to-region (point-min) (point))
    (ob-pen-test-settle)
    (should (equal (buffer-string) "* Heading\n"))
    (widen)
    (should (equal (ob-pen-test-result) ":results:\na pun\n:end:"))))

(ert-deftest ob-pen-test-a-block-that-changed-gets-nothing-and-the-log-the-text ()
  (dolist (change (list (lambda () (delete-region (point-min) (point-max)))
                        (lambda () (search-forward "hello") (insert "!"))
                        (lambda () (search-forward "old") (insert " :n 2"))
                        (lambda () (setq buffer-read-only t))))
    (ignore-errors (kill-buffer "*pen-log*"))
    (ob-pen-test-with (ob-pen-test-block ":prompt old") nil
      (ob-pen-test-background)
      (funcall change)
      (let ((before (buffer-string)))
        (ob-pen-test-settle)
        (should (equal (buffer-string) before)))
      (should (string-match-p "a pun" (with-current-buffer "*pen-log*" (buffer-string)))))))

(ert-deftest ob-pen-test-a-block-that-was-moved-gets-its-result-there ()
  (dolist (move (list (lambda () (org-move-subtree-down))
                      (lambda () (org-cut-subtree)
                        (goto-char (point-max))
                        (insert "* C\n")
                        (org-paste-subtree 1))))
    (ob-pen-test-with (concat "* A\n" (ob-pen-test-block ":prompt old") "* B\ntext\n") nil
      (ob-pen-test-background)
      (goto-char (point-min))
      (funcall move)
      (ob-pen-test-settle)
      (should (string-match-p "\\`\\* B\ntext\n\\(?:\\* C\n\\)?\\* A\n#\\+begin_src.*\nhello\n#\\+end_src\n\n#\\+RESULTS:\n:results:\na pun\n:end:\n*\\'"
                              (buffer-string))))))

(ert-deftest ob-pen-test-the-twin-of-a-deleted-block-gets-nothing ()
  (let ((block (ob-pen-test-block ":prompt old")))
    (ob-pen-test-with (concat block "\n* B\n" block) nil
      (ob-pen-test-background)
      (delete-region (point-min) (progn (re-search-forward "^\\* B") (match-beginning 0)))
      (ob-pen-test-settle)
      (should (equal (buffer-string) (concat "* B\n" block))))
    (ob-pen-test-with block nil
      (ob-pen-test-background)
      (delete-region (point-min) (point-max))
      (insert block block)
      (ob-pen-test-settle)
      (should (equal (buffer-string) (concat block block))))))

(ert-deftest ob-pen-test-a-read-only-buffer-is-refused-before-anything-is-asked ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old") nil
    (setq buffer-read-only t)
    (pen-fixture-refused (ob-pen-test-background))
    (should (eq 'none (pen-rpc-fake-last "completions-start")))))

(ert-deftest ob-pen-test-no-result-is-put-where-none-is-wanted ()
  (dolist (results '("none" "silent"))
    (ob-pen-test-with (ob-pen-test-block (concat ":prompt old :results " results)) nil
      (let ((before (buffer-string)))
        (ob-pen-test-background)
        (ob-pen-test-settle)
        (should (equal (buffer-string) before))))))

(ert-deftest ob-pen-test-an-indirect-buffer-may-be-killed-meanwhile ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old") nil
    (let ((indirect (make-indirect-buffer (current-buffer) "ob-pen-test-indirect" t)))
      (with-current-buffer indirect
        (ob-pen-test-background))
      (kill-buffer indirect))
    (ob-pen-test-settle)
    (should (equal (ob-pen-test-result) ":results:\na pun\n:end:"))))

(ert-deftest ob-pen-test-an-inline-block-has-its-result-in-the-line ()
  (ob-pen-test-with (concat "say src_pen[:prompt old]{hello} now\n" (ob-pen-test-block ":prompt old"))
      (list (list "completions-start" 'events (pen-fixture-done "a\npun")))
    (goto-char (point-min))
    (search-forward "src_")
    (let ((noninteractive nil))
      (org-babel-execute-src-block))
    (should (string-match-p "^say src_pen\\[:prompt old\\]{hello} {{{results(.*a pun.*)}}} now$"
                            (buffer-string)))))

(ert-deftest ob-pen-test-a-call-in-a-line-has-its-result-there ()
  (ob-pen-test-with (concat "say call_it() now\n\n#+name: it\n" (ob-pen-test-block ":prompt old"))
      (list (list "completions-start" 'events (pen-fixture-done "a\npun")))
    (goto-char (point-min))
    (search-forward "call_")
    (org-babel-lob-execute-maybe)
    (should (string-match-p "^say call_it() {{{results(.*a pun.*)}}} now$" (buffer-string)))))

(ert-deftest ob-pen-test-a-killed-buffer-is-no-error ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old") nil
    (let ((buffer (generate-new-buffer "ob-pen-test")) (text (buffer-string)))
      (with-current-buffer buffer
        (org-mode)
        (insert text)
        (goto-char (point-min))
        (ob-pen-test-background)
        (set-buffer-modified-p nil))
      (kill-buffer buffer)
      (ob-pen-test-settle)
      (should-not pen-block--running))))

(ert-deftest ob-pen-test-a-failure-is-said-below-the-block ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old :cache yes")
      '(("completions-start" error upstream "The engine is gone." :hint "Start it."))
    (ob-pen-test-background)
    (ob-pen-test-settle)
    (should (equal (ob-pen-test-result) ":results:\npen: The engine is gone. Start it.\n:end:"))
    (should (string-match-p "^#\\+RESULTS:" (buffer-string)))))

(ert-deftest ob-pen-test-a-result-that-cannot-be-written-ends-the-block ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old")
      '(("completions-start" events (done :reason finished :value (:candidates ((:text 7))))))
    (ob-pen-test-background)
    (ob-pen-test-settle)
    (should (string-match-p "^pen: Wrong type argument" (buffer-string)))))

(ert-deftest ob-pen-test-links-lead-from-the-file-to-the-block-s-own-directory ()
  (let ((directory (make-temp-file "ob-pen-test-" t)))
    (unwind-protect
        (dolist (results '("" ":results file"))
          (ob-pen-test-with (ob-pen-test-block (concat ":prompt old :dir sub :file y.txt " results)) nil
            (setq buffer-file-name (expand-file-name "notes.org" directory)
                  default-directory (file-name-as-directory directory))
            (make-directory "sub" t)
            (ob-pen-test-background)
            (ob-pen-test-settle)
            (set-buffer-modified-p nil)
            (should (equal "a pun\n" (pen-fixture-read (expand-file-name "sub/y.txt" directory))))
            (should (string-match-p (regexp-quote "[[file:sub/y.txt]]") (ob-pen-test-result)))))
      (delete-directory directory t))))

(ert-deftest ob-pen-test-abort-stops-the-block-and-says-so ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old") '(("completions-start" hang))
    (ob-pen-test-background)
    (should (= 1 (pen-abort)))
    (should (equal (ob-pen-test-result) ":results:\npen: stopped\n:end:"))
    (should (= 0 (pen-abort)))))

(ert-deftest ob-pen-test-a-file-is-written-when-all-is-there-and-linked ()
  (let ((file (make-temp-file "ob-pen-test-" nil ".txt")))
    (dolist (results '("" ":results file"))
      (write-region "" nil file nil 'silent)
      (ob-pen-test-with (ob-pen-test-block (format ":prompt old %s :file %s" results file)) nil
        (ob-pen-test-background)
        (should (equal "" (pen-fixture-read file)))
        (ob-pen-test-settle)
        (should (equal "a pun\n" (pen-fixture-read file)))
        (should (string-match-p (regexp-quote (format "[[file:%s]]" file)) (ob-pen-test-result)))
        (should-not (string-match-p "running" (buffer-string)))))
    (delete-file file)))

(ert-deftest ob-pen-test-a-file-that-cannot-be-written-is-said-before-anything-is-asked ()
  (let ((directory (make-temp-file "ob-pen-test-" t)))
    (unwind-protect
        (progn
          (pcase-dolist (`(,header . ,words)
                         `((,(format ":file %s/no/x.txt" directory) . "has no directory")
                           (,(format ":file %s" directory) . "is a directory")
                           (":results file" . "give :file")))
            (ob-pen-test-with (ob-pen-test-block (concat ":prompt old " header)) nil
              (let ((err (should-error (org-babel-execute-src-block) :type 'user-error)))
                (should (string-match-p words (cadr err))))
              (should (eq 'none (pen-rpc-fake-last "completions-start")))))
          (ob-pen-test-with (ob-pen-test-block (format ":prompt old :mkdirp yes :file %s/new/x.txt" directory))
              nil
            (org-babel-execute-src-block)
            (should (equal "a pun\n" (pen-fixture-read (expand-file-name "new/x.txt" directory))))))
      (delete-directory directory t))))

(ert-deftest ob-pen-test-a-warning-of-the-service-is-said-and-logged ()
  (ignore-errors (kill-buffer "*pen-log*"))
  (ob-pen-test-with (ob-pen-test-block ":prompt old")
      (list (list "completions-start" 'events '(log :what warning :text "The model is old.")
                  (pen-fixture-done "a pun")))
    (let (said)
      (cl-letf (((symbol-function 'message)
                 (lambda (format &rest args) (push (apply #'format-message format args) said))))
        (org-babel-execute-src-block))
      (should (member "The model is old." said)))
    (should (string-match-p "The model is old" (with-current-buffer "*pen-log*" (buffer-string))))))

(ert-deftest ob-pen-test-it-waits-in-batch-in-an-export-for-others-and-if-told ()
  (let ((noninteractive nil) (block (ob-pen-test-block ":prompt old")))
    (pcase-dolist (`(,header . ,background)
                   '(("" . t) (":async" . t) (":async yes" . t) (":async no" . nil)
                     (":post x()" . nil)))
      (should (eq background (and (pen-block--background-p
                                   (org-babel-parse-header-arguments header))
                                  t))))
    (let ((pen-org-async nil))
      (should (pen-block--background-p '((:async))))
      (should-not (pen-block--background-p nil)))
    (ob-pen-test-with (concat block "\n#+begin_src emacs-lisp :var x=it\n(upcase x)\n#+end_src\n\n#+name: it\n" block) nil
      (search-forward "emacs-lisp")
      (should (equal (org-babel-execute-src-block) "A PUN"))))
  (let ((org-export-current-backend 'html) (noninteractive nil))
    (should-not (pen-block--background-p nil))))

(ert-deftest ob-pen-test-org-is-asked-whether-to-run-a-block ()
  (ob-pen-test-with (ob-pen-test-block ":prompt old") nil
    (let ((org-confirm-babel-evaluate t) asked)
      (cl-letf (((symbol-function 'yes-or-no-p) (lambda (_) (setq asked t) nil)))
        (org-babel-execute-src-block))
      (should asked)
      (should (eq 'none (pen-rpc-fake-last "completions-start")))
      (should (eq t org-confirm-babel-evaluate)))))

;;;; Forms of results

(ert-deftest ob-pen-test-candidates-are-paragraphs-items-or-cells ()
  (pcase-dolist (`(,header ,result)
                 '((":prompt old" ":results:\none | 1\n\ntwo\n:end:")
                   (":prompt old :results list" ":results:\n- one | 1\n- two\n:end:")
                   (":prompt old :results table" ":results:\n| one \\vert{} 1 |\n| two           |\n:end:")
                   (":prompt old :results verbatim code" "#+begin_src pen\none | 1\n\ntwo\n#+end_src")))
    (ob-pen-test-with (ob-pen-test-block header)
        (list (list "completions-start" 'events (pen-fixture-done "\none | 1\n" "two")))
      (org-babel-execute-src-block)
      (should (equal (ob-pen-test-result) result)))))

(provide 'ob-pen-test)
;;; ob-pen-test.el ends here

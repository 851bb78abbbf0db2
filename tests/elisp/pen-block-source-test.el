;;; pen-block-source-test.el --- Records and conversations in an org file -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-source-place)
(require 'pen-fixture)
(require 'pen-rpc)
(require 'pen-block-source)

(defconst pen-block-source-test-text
  "#+name: rows
| prompt | completion |
|--------+------------|
| a, b   | c          |

#+name: lines
#+begin_example
one
two
#+end_example

#+name: made
#+begin_src pen :action dataset :file %s

#+end_src

#+name: empty
#+begin_src text

#+end_src

#+name: puns
- a pun
- another
"
  "A file with records in it.")

(defun pen-block-source-test-request (name &optional file)
  "Return what is sent for the records called NAME; FILE is that of the block."
  (with-temp-buffer
    (insert (format pen-block-source-test-text (or file "none.jsonl")))
    (delay-mode-hooks (org-mode))
    (rename-buffer "notes" t)
    (let ((source (pen-block-source name "" 1)))
      (if (pen-source-p source) (pen-source-request source) source))))

(ert-deftest pen-block-source-test-names-are-found-in-the-file ()
  (should (equal (pen-block-source-test-request "rows")
                 '(:text "prompt,completion\n\"a, b\",c" :source "notes" :reader "table")))
  (should (equal (pen-block-source-test-request "lines")
                 '(:text "one\ntwo\n" :source "notes" :reader "auto")))
  (should (equal (pen-block-source-test-request "puns")
                 '(:text "- a pun\n- another\n" :source "notes" :reader "org"))))

(ert-deftest pen-block-source-test-a-block-of-pen-is-the-file-it-has-written ()
  (let ((file (make-temp-file "pen-block-source-" nil ".jsonl" "{}\n")))
    (unwind-protect
        (should (equal (plist-get (pen-block-source-test-request "made" file) :path) file))
      (delete-file file))))

(ert-deftest pen-block-source-test-files-directories-and-definitions ()
  (should (equal (pen-block-source-test-request temporary-file-directory)
                 (directory-file-name temporary-file-directory)))
  (should-error (pen-block-source-test-request "absent.jsonl") :type 'pen-not-found-error)
  (should-not (pen-block-source-test-request "pun-complete"))
  (should-not (pen-block-source-test-request nil)))

(ert-deftest pen-block-source-test-an-empty-block-is-said ()
  (should-error (pen-block-source-test-request "empty") :type 'user-error))

(ert-deftest pen-block-source-test-places-are-lines-of-the-file ()
  (with-temp-buffer
    (rename-buffer "notes" t)
    (should (equal (pen-source-place (pen-block-source nil "one\ntwo" 7) "notes:2") "notes:8"))))

(ert-deftest pen-block-source-test-a-result-is-read-as-it-was-written ()
  (pcase-dolist (`(,result ,text ,lines-p)
                 '((":results:\n,* a\nb\n:end:\n" "* a\nb") ("- one\n- two\n" "one" t)
                   ("- one\n- two\n" "- one\n- two") (": one\n: two\n" "one\ntwo")
                   (":results:\n: one\ntwo\n:end:\n" ": one\ntwo")
                   ("#+begin_src pen\n,#+x\n#+end_src\n" "#+x")
                   ("| one \\vert{} 1 |\n| two |\n" "one | 1" t) ("| \u200b=1 |\n" "=1" t)
                   ("<\u200b<a>>\n" "<<a>>") (":results:\n,:end:\n:end:\n" ":end:")))
    (should (equal (pen-block-source--plain result lines-p) text))))

(ert-deftest pen-block-source-test-a-session-may-be-named-anywhere ()
  (cl-flet ((turns (text)
              (with-temp-buffer
                (let ((org-inhibit-startup t))
                  (insert text "#+begin_src pen\nlast\n#+end_src\n")
                  (delay-mode-hooks (org-mode)))
                (goto-char (point-max))
                (forward-line -3)
                (pen-block-source-turns "s" nil))))
    (dolist (text '("#+begin_src pen :session s\none\n#+end_src\n"
                    "#+header: :session s\n#+header: :n 1\n#+begin_src pen :seed 1\none\n#+end_src\n"
                    "#+PROPERTY: header-args:pen :session s\n#+begin_src pen\none\n#+end_src\n"
                    "* A\n:PROPERTIES:\n:header-args: :session s\n:END:\n#+BEGIN_SRC pen\none\n#+END_SRC\n"))
      (should (equal (turns (concat text "\n#+RESULTS:\n: two\n\n")) '(("one" "two")))))
    (should-not (turns "#+begin_src pen :session other\none\n#+end_src\n\n#+RESULTS:\n: two\n\n"))))

(ert-deftest pen-block-source-test-a-long-file-is-no-burden ()
  (with-temp-buffer
    (dotimes (count 400)
      (insert (format "* H\n#+begin_src pen :session b%d\nx\n#+end_src\n\n#+RESULTS:\n: y\n\n" count)))
    (let ((org-inhibit-startup t))
      (delay-mode-hooks (org-mode)))
    (pen-fixture-quickest
     0.05 (lambda ()
            (pen-fixture-work (lambda ()
                                (should (equal (pen-block-source-turns "b399" nil) '(("x" "y"))))))))))

(ert-deftest pen-block-source-test-what-was-answered-into-a-file-is-read-there ()
  (let ((file (make-temp-file "pen-block-source-" nil ".txt" "an answer\n")))
    (unwind-protect
        (with-temp-buffer
          (insert (format "#+begin_src pen :session s :file %s\none\n#+end_src\n\n#+RESULTS:\n:results:\n[[file:%s]]\n:end:\n\n"
                          file file))
          (let ((org-inhibit-startup t))
            (delay-mode-hooks (org-mode)))
          (should (equal (pen-block-source-turns "s" nil) '(("one" "an answer"))))
          (delete-file file)
          (should-not (pen-block-source-turns "s" nil)))
      (ignore-errors (delete-file file)))))

(ert-deftest pen-block-source-test-a-bar-in-a-cell-is-one ()
  (with-temp-buffer
    (insert "#+name: t\n| a \\vert{} b | c \\vert d |\n")
    (delay-mode-hooks (org-mode))
    (should (equal (plist-get (pen-source-request (pen-block-source "t" "" 1)) :text)
                   "a | b,c | d"))))

(provide 'pen-block-source-test)
;;; pen-block-source-test.el ends here

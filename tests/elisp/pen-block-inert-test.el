;;; pen-block-inert-test.el --- Text of a model does nothing in an org file -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'org)
(require 'ox)
(require 'ob-pen)

(defconst pen-block-inert-test-nasty
  (concat "* A heading\n#+begin_src emacs-lisp :results silent\n(error \"ran\")\n#+end_src\n"
          ":END:\n,* comma\n<<other>> src_emacs-lisp{(error \"ran\")} call_it() {{{m}}} @@html:<b>@@\n"
          "#+call: it()\n%%(error \"ran\")\n# Local " "Variables:\n# eval: (error \"ran\")\n# End:")
  "What a model might write.")

(defconst pen-block-inert-test-latex "see \\input{/etc/passwd} and \\lstinputlisting{x}, \\write18{ls}; \\frac{1}{2}"
  "Text that would read a file when it is exported to LaTeX.")

(defun pen-block-inert-test-in (results text)
  "Return the text of a file whose block with RESULTS got TEXT twice."
  (pen-rpc-fake-with
      (list (list "prompts-list" 'value pen-fixture-definitions)
            (list "completions-start" 'events (pen-fixture-done text)))
    (with-temp-buffer
      (let ((org-inhibit-startup t) (org-confirm-babel-evaluate nil) (inhibit-message t))
        (delay-mode-hooks (org-mode))
        (insert "#+begin_src pen :prompt old :results " results "\nhello\n#+end_src\n\nlast\n")
        (dotimes (_ 2)
          (goto-char (point-min))
          (org-babel-execute-src-block))
        (buffer-substring-no-properties (point-min) (point-max))))))

(ert-deftest pen-block-inert-test-a-result-ends-nothing-and-a-rerun-replaces-all-of-it ()
  (dolist (results '("drawer" "list" "table" "verbatim" "code" "replace" "org"))
    (let ((text (pen-block-inert-test-in results pen-block-inert-test-nasty)))
      (should-not (string-match-p "^\\*+ \\|^#\\+call\\|^# Local Variables" text))
      (should (= 1 (cl-count-if (lambda (line) (string-match-p "A heading" line))
                                (split-string text "\n"))))
      (should (string-suffix-p "last" (string-trim text)))
      (with-temp-buffer
        (insert text)
        (delay-mode-hooks (org-mode))
        (should-not (org-element-map (org-element-parse-buffer)
                        '(headline inline-src-block inline-babel-call babel-call macro
                                   export-snippet diary-sexp keyword)
                      (lambda (each) (unless (equal (org-element-property :key each) "RESULTS")
                                       each))))))))

(ert-deftest pen-block-inert-test-an-export-and-a-visit-run-nothing ()
  (let* ((text (pen-block-inert-test-in "drawer" pen-block-inert-test-nasty))
         (file (make-temp-file "pen-block-inert-test-" nil ".org" text)))
    (unwind-protect
        (let ((enable-local-variables :all) (enable-local-eval t) (inhibit-message t)
              (org-confirm-babel-evaluate nil) (org-inhibit-startup t))
          (kill-buffer (find-file-noselect file))
          (with-temp-buffer
            (insert (replace-regexp-in-string "#\\+begin_src pen " "\\&:eval no :exports both " text))
            (delay-mode-hooks (org-mode))
            (require 'ox-ascii)
            (should (string-match-p "A heading" (org-export-as 'ascii)))))
      (delete-file file))))

(ert-deftest pen-block-inert-test-a-cell-is-no-formula ()
  (dolist (text '("='(error \"ran\")" ":='(error \"ran\")" "=1+1"))
    (with-temp-buffer
      (insert (pen-block-inert-test-in "table" text))
      (delay-mode-hooks (org-mode))
      (goto-char (point-min))
      (re-search-forward "^| ")
      (org-table-next-field)            ; TAB, which evaluates a formula in the field
      (goto-char (point-min))
      (re-search-forward "^| ")
      (should (equal (string-trim (org-table-get-field)) (concat "\u200b" text))))))

(ert-deftest pen-block-inert-test-a-result-in-a-line-ends-where-it-ends ()
  (pen-rpc-fake-with
      (list (list "prompts-list" 'value pen-fixture-definitions)
            (list "completions-start" 'events (pen-fixture-done "a)}}} b=)}}} c")))
    (with-temp-buffer
      (let ((org-inhibit-startup t) (org-confirm-babel-evaluate nil) (inhibit-message t))
        (delay-mode-hooks (org-mode))
        (insert "say src_pen[:prompt old]{hello} now\n")
        (dotimes (_ 2)
          (goto-char 6)
          (org-babel-execute-src-block))
        (should (= 1 (how-many " b=" (point-min) (point-max))))
        (should (string-suffix-p "=)}}} now\n" (buffer-string)))))))

(ert-deftest pen-block-inert-test-an-export-to-latex-reads-and-writes-no-file ()
  (with-temp-buffer
    (insert (replace-regexp-in-string "#\\+begin_src pen " "\\&:eval no :exports results "
                                      (pen-block-inert-test-in "drawer" pen-block-inert-test-latex)))
    (delay-mode-hooks (org-mode))
    (require 'ox-latex)
    (let ((text (org-export-as 'latex nil nil t)))
      (should-not (string-match-p "\\\\\\(?:input\\|lstinput\\|write\\)" text))
      (should (string-match-p "\\\\frac{1}{2}" text)))))

(ert-deftest pen-block-inert-test-plain-text-stays-as-it-is ()
  (dolist (text '("a < b << c" "3 * 4 #+" "50 % (half)" "mail@example.org" "src_ call_" "\\alpha \\[x\\] {{a}}"
                  "  indented\n\n- item" ""))
    (unless (string-match-p "<<" text)
      (should (equal (pen-block-inert text '((:result-params "drawer"))) text)))))

(ert-deftest pen-block-inert-test-a-comma-only-where-org-puts-none ()
  (should (equal (pen-block-inert "* a" '((:result-params "drawer"))) ",* a"))
  (should (equal (pen-block-inert "* a" '((:result-params "raw"))) ",* a"))
  (should (equal (pen-block-inert "* a" '((:result-params "code"))) "* a"))
  (should (equal (pen-block-inert "* a" '((:result-params "drawer") (:wrap . "src txt"))) "* a"))
  (should (equal (pen-block-inert "* a" '((:result-params "drawer") (:wrap . "quote"))) ",* a")))

(provide 'pen-block-inert-test)
;;; pen-block-inert-test.el ends here

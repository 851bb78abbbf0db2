;;; whole-org-test.el --- Org blocks and batch entries, nothing faked -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; One engine serves all of these tests; it ends with this Emacs.  PEN_PYTHON
;; names the Python that runs it; PEN_SHARED, if set, where the notes are that
;; pen was made for.

;;; Code:

(require 'ert)
(require 'whole-fixture)
(require 'cl-lib)
(require 'json)
(require 'org)
(require 'ob-pen)
(require 'ob-shell)

(defconst whole-org-test-seconds 150 "How long anything here may take.")

(defconst whole-org-test-notes
  (expand-file-name "data/seeds/000-pun-readme.org"
                    (or (getenv "PEN_SHARED") (expand-file-name "../shared" whole-fixture-root)))
  "The notes with the block that calls openai-ft.")

(defmacro whole-org-test-in-directory (&rest body)
  "Run BODY in a directory of its own."
  (declare (debug t))
  `(let* ((directory (file-name-as-directory (make-temp-file "whole-org-" t)))
          (default-directory directory)
          (org-inhibit-startup t)
          (inhibit-message t))
     (unwind-protect (progn ,@body)
       (delete-directory directory t))))

(defun whole-org-test-write (name &rest lines)
  "Write LINES to the file NAME and return its full name."
  (make-directory (or (file-name-directory (expand-file-name name)) ".") t)
  (write-region (concat (string-join lines "\n") "\n") nil name nil 'silent)
  (expand-file-name name))

(defun whole-org-test-puns (count)
  "Return COUNT lines of the shipped puns."
  (seq-take (seq-filter (lambda (line) (string-prefix-p "- " line))
                        (split-string (pen-fixture-read
                                       (expand-file-name "prompts/puns.org" whole-fixture-root))
                                      "\n"))
            count))

;;;; Blocks

(ert-deftest whole-org-test-1-a-block-runs-in-the-background-and-three-runs-give-one-result ()
  (with-temp-buffer
    (delay-mode-hooks (org-mode))
    (insert "#+begin_src pen :model pen-tiny :max-tokens 6 :seed 1 :temperature 0\nOnce upon a\n#+end_src\n")
    (let (results (org-confirm-babel-evaluate nil) (inhibit-message t))
      (dotimes (_ 3)
        (goto-char (point-min))
        (let ((noninteractive nil))
          (org-babel-execute-src-block))
        (goto-char (point-min))
        (insert "typed meanwhile\n")
        (search-forward "#+begin_src")
        (pen-fixture-until (lambda () (null pen-block--running)) whole-org-test-seconds)
        (goto-char (point-max))
        (re-search-backward "^#\\+RESULTS:")
        (push (buffer-substring (point) (point-max)) results)
        (goto-char (point-min))
        (search-forward "#+begin_src")
        (delete-region (point-min) (line-beginning-position)))
      (should (string-match-p "\\`#\\+RESULTS:\n:results:\n[^:\n]*[a-z][^\0]*\n:end:\n?\\'" (car results)))
      (should (equal (car results) (cadr results)))
      (should (equal (car results) (caddr results))))))

(ert-deftest whole-org-test-2-a-file-of-blocks-builds-tunes-and-compares ()
  (whole-org-test-in-directory
   (let ((file (apply #'whole-org-test-write "notes.org"
                      (append
                       '("#+begin_src pen :action dataset :prompt pun-complete :file puns_train.jsonl")
                       (whole-org-test-puns 24)
                       '("#+end_src" ""
                         "#+begin_src pen :action dataset :prompt no-such" "one" "#+end_src" ""
                         "#+name: tuned"
                         "#+begin_src pen :action finetune :dataset puns_train.jsonl :n-epochs 1 :batch-size 4 :seed 1 :wait yes :file loss.svg"
                         "#+end_src" ""
                         "#+begin_src pen :action compare :models \"pen-tiny base\" :prompt continue :max-tokens 3"
                         "Once" "#+end_src")))))
     (pcase-let ((`(,code ,out ,_) (whole-fixture-batch "pen-batch-execute-org" file "--yes")))
       (should (= code 1))
       (should (string-match-p (concat "\\`" (regexp-quote file) ":[0-9]+: There is no prompt 'no-such'.*\n\\'")
                               out)))
     (should (assq 'data (json-read-from-string
                            (car (split-string (pen-fixture-read "puns_train.jsonl") "\n")))))
     (should (string-prefix-p "<svg" (pen-fixture-read "loss.svg")))
     (should (string-match-p "^\\[\\[file:loss\\.svg\\]\\]$" (pen-fixture-read file)))
     (should (string-match-p "^| *seed *| pen-tiny *| pen-tiny *|$" (pen-fixture-read file)))
     (should (string-match-p "^\\[\\[file:puns_train\\.jsonl\\]\\]$" (pen-fixture-read file))))))

(ert-deftest whole-org-test-3-the-notes-own-block-runs-as-it-stands ()
  (unless (file-readable-p whole-org-test-notes)
    (ert-skip "shared/data/seeds is not on this machine"))
  (whole-org-test-in-directory
   (dolist (name '("data/train_puns.jsonl" "data/test_puns.jsonl"))
     (apply #'whole-org-test-write name
            (mapcar (lambda (pun) (json-encode `((text . ,(concat (substring pun 2) "\n")))))
                    (whole-org-test-puns 6))))
   (let ((exec-path (cons (file-name-directory pen-python-command) exec-path))
         (process-environment
          (cons (concat "PATH=" (file-name-directory pen-python-command) ":" (getenv "PATH"))
                process-environment))
         (org-confirm-babel-evaluate nil))
     (with-temp-buffer
       (delay-mode-hooks (org-mode))
       (insert-file-contents whole-org-test-notes)
       (setq default-directory directory)
       (search-forward "Training command")
       (re-search-forward "#\\+BEGIN_SRC bash")
       (let ((result (org-babel-execute-src-block)))
         (should (string-match-p "ft:\\|ftjob-" result)))))))

;;;; Batch

(ert-deftest whole-org-test-4-every-entry-has-its-exit-codes ()
  (whole-org-test-in-directory
   (let ((org (whole-org-test-write "ask.org" "#+begin_src pen" "x" "#+end_src"))
         (good (whole-org-test-write "good.yaml" "pen: 1" "title: Good" "description: A good one."
                                     "prompt: \"<text>\"" "vars:"
                                     "- text: {description: a text, example: a}"))
         (bad (whole-org-test-write "bad.yaml" "pen: 1" "titel: x"))
         (puns (apply #'whole-org-test-write "puns.org" (whole-org-test-puns 12))))
     (pcase-dolist (`(,code ,entry . ,arguments)
                    `((0 "pen-batch-dataset" "--help")
                      (0 "pen-batch-dataset" ,puns "--prompt" "pun-complete" "--out" ,(concat directory "set"))
                      (1 "pen-batch-dataset")
                      (1 "pen-batch-dataset" ,puns ,puns "--out" ,directory)
                      (1 "pen-batch-dataset" "/dev/null")
                      (2 "pen-batch-dataset" ,(whole-org-test-write "one.org" "- only one pun"))
                      (0 "pen-batch-execute-org" ,good)
                      (1 "pen-batch-execute-org")
                      (1 "pen-batch-execute-org" "/no/such.org")
                      (5 "pen-batch-execute-org" ,org)
                      (1 "pen-batch-lint-prompts")
                      (2 "pen-batch-lint-prompts" ,bad)
                      (124 "pen-batch-complete" "continue" "x" "--deadline" "0.001")))
       (pcase-let ((`(,got ,out ,said) (apply #'whole-fixture-batch entry arguments)))
         (should (equal (list got entry arguments said) (list code entry arguments said)))
         (pcase entry
           ("pen-batch-lint-prompts"
            (when (= code 2)
              (should (string-match-p (concat "^" (regexp-quote bad) ":2:1: unknown key") out))))
           ("pen-batch-dataset"
            (when (and (= code 0) (cdr arguments))
              (should (string-match-p (concat "\\`" (regexp-quote directory) "set/.*train\\.jsonl\n\\'") out))
              (should (string-match-p "ntokens" said)))))
         (when (= code 5)
           (should (string-match-p (concat "\\`" (regexp-quote org) ":1: .*--yes") out))))))))

(ert-deftest whole-org-test-5-without-a-backend-the-exit-code-is-3 ()
  (let ((pen-python-command "/no/such/python"))
    (pcase-let ((`(,code ,out ,said) (whole-fixture-batch "pen-batch-complete" "continue" "x")))
      (should (equal (list code out) '(3 "")))
      (should (string-match-p "/no/such/python" said)))))

(defun whole-org-test-waiting (function)
  "Have a script follow a job; call FUNCTION with its process and the job's id.
Return its exit code and what it said."
  (whole-org-test-in-directory
   (let* ((puns (apply #'whole-org-test-write "puns.org" (whole-org-test-puns 60)))
          (emacs (apply #'start-process "whole-org" (generate-new-buffer "whole-org")
                        whole-fixture-emacs
                        (whole-fixture-arguments "pen-batch-finetune" puns "--wait"
                                                 "--n-epochs" "50" "--seed" "3"))))
     (unwind-protect
         (with-current-buffer (process-buffer emacs)
           (pen-fixture-until (lambda ()
                                (goto-char (point-min))
                                ;; with its end: a line may come in parts
                                (re-search-forward "^job \\(ftjob-[[:alnum:]]+\\)\r?\n" nil t))
                              whole-org-test-seconds)
           (funcall function emacs (match-string 1))
           ;; The sentinel's line comes after the last that was said.
           (pen-fixture-until (lambda ()
                                (goto-char (point-max))
                                (re-search-backward "^Process whole-org" nil t))
                              whole-org-test-seconds)
           (list (process-exit-status emacs) (buffer-string)))
       (delete-process emacs)
       (kill-buffer (process-buffer emacs))))))

(ert-deftest whole-org-test-6-a-job-that-somebody-cancels-ends-with-4 ()
  (pcase-let* ((job nil)
               (`(,code ,said) (whole-org-test-waiting
                                (lambda (_ id)
                                  (pen-rpc-jobs-cancel :id (setq job id) :deadline 60)))))
    (should (= 4 code))
    (should (string-match-p (concat "Job " job " was cancelled") said))))

(ert-deftest whole-org-test-8-an-interrupt-ends-the-script-with-130-and-not-the-job ()
  (pcase-let* ((job nil)
               (`(,code ,said) (whole-org-test-waiting
                                (lambda (emacs id)
                                  (setq job id)
                                  (signal-process emacs 'SIGINT)))))
    (unwind-protect
        (progn
          (should (= 130 code))
          (should (string-match-p (concat "^Interrupted\\.  Job " job " goes on\\.") said))
          (should-not (pen-job-finished-p (plist-get (pen-rpc-jobs-show :id job :deadline 60) :status))))
      (pen-rpc-jobs-cancel :id job :deadline 60))))

(ert-deftest whole-org-test-7-penf-works-through-a-link ()
  (whole-org-test-in-directory
   (make-symbolic-link (expand-file-name "bin/penf" whole-fixture-root) "penf")
   (let ((process-environment
          (cons (concat "EMACS=" whole-fixture-emacs)
                process-environment)))
     (pcase-let ((`(,code ,out ,_) (whole-fixture-command
                                    (expand-file-name "penf") "continue" "Once upon"
                                    "--n=2" "--max-tokens" "4" "--seed=1" "--model" "pen-tiny" "--json")))
       (should (= code 0))
       (should (= 2 (length (mapcar #'json-read-from-string (split-string out "\n" t)))))))
   (let ((process-environment (append (list "LC_ALL=C" (concat "EMACS=" whole-fixture-emacs))
                                      process-environment)))
     (pcase-let ((`(,code ,out ,_) (whole-fixture-command
                                    (expand-file-name "penf") "continue" "\u00d6l" "--max-tokens=2"
                                    "--model" "pen-tiny" "--json")))
       (should (equal (list code (length (split-string out "\n" t))) '(0 1)))))
   (let ((process-environment (cons "EMACS=/no/emacs" process-environment)))
     (pcase-let ((`(,code ,out ,said) (whole-fixture-command (expand-file-name "penf") "continue" "x")))
       (should (equal (list code out) '(3 "")))
       (should (string-match-p "There is no Emacs called /no/emacs" said))))))

(provide 'whole-org-test)
;;; whole-org-test.el ends here

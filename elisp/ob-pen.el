;;; ob-pen.el --- Org blocks that complete, build training sets, fine-tune and compare -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;;   #+begin_src pen :prompt pun-speak :n 3 :results list
;;   My boots are full of water.
;;   #+end_src
;;
;; C-c C-c on a block asks.  With `(require 'pen)' that is all; to have header
;; arguments complete and linted before the first block runs:
;;
;;   (with-eval-after-load 'org (require 'ob-pen))
;;
;; The value of a header argument goes before the property PEN_* of the entry,
;; that before the definition, and that before an option.  A block runs in the
;; background, unless it has :async no, is part of an export or of another
;; block, or Emacs is a batch.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'org)
(require 'ob-core)
(require 'org-src)
(require 'pen)
(require 'pen-figure)
(require 'pen-org)
(require 'pen-prompt)
(require 'pen-dataset-options)
(require 'pen-block)
(require 'pen-block-inert)
(require 'pen-block-source)
(require 'pen-block-action)
(require 'pen-block-task)
(require 'pen-block-turn)

;;;; Customization

(defcustom pen-org-async t
  "Whether org blocks run in the background unless they say otherwise."
  :type 'boolean
  :group 'pen)

;;;; Internal variables

(defvar pen-block-deadline 600
  "Seconds that a block may hold Emacs, unless it waits for a job.")

(defvar pen-block-confirmed nil
  "Non-nil if records of blocks may go to a provider that is not this machine.")
(put 'pen-block-confirmed 'risky-local-variable t)

(defconst pen-block-arguments
  (append
   '((:action (complete dataset finetune compare) "what to do, complete if not given")
     (:n integer "how many candidates, or rounds of a comparison")
     (:temperature number "how far the model may stray")
     (:stop texts "texts to stop at, in place of the definition's")
     (:models texts "the two models to compare, such as \"base ftjob-7f3a\"")
     (:dataset string "records: a #+name:, a file, or a definition")
     (:wait boolean "whether to wait for the job and show its curve")
     (:async boolean "whether to run in the background"))
   (assq-delete-all :results (copy-sequence pen-dataset-all-options))) ; org's own
  "Header arguments of pen alone: key, type, meaning.")

(defvar org-babel-header-args:pen
  (mapcar (lambda (argument)
            (cons (intern (substring (symbol-name (car argument)) 1))
                  (pcase (cadr argument)
                    ('boolean '((yes no :any))) ; a bare one has nil, which org knows no name for
                    ((and (pred consp) choices) (list choices))
                    (_ :any))))
          pen-block-arguments)
  "What org completes and lints in the headers of blocks of pen.")

(add-to-list 'org-src-lang-modes '("pen" . text)) ; else org takes `pen-mode' for a major mode

;;;; Declarations

(declare-function org-element-property "org-element" (property element))
(declare-function org-element-type "org-element" (element))

;;;; Predicates

(defun pen-block--given (params key)
  "Return the cell of KEY in PARAMS if it was given.
Org gives every block the session \"none\"."
  (let ((cell (assq key params)))
    (and cell (not (equal cell '(:session . "none"))) cell)))

(defun pen-block--background-p (params)
  "Return non-nil if a block with PARAMS is to run in the background."
  (let ((async (pen-block--given params :async)))
    (and (if async (not (member (cdr async) '("no" "nil"))) pen-org-async)
         (not noninteractive)
         (not (bound-and-true-p org-export-current-backend))
         (not (bound-and-true-p org-babel-exp-reference-buffer))
         (not (assq :post params)))))

(defun pen-block--link-p (params)
  "Return non-nil if org links to the file of PARAMS by itself."
  (and (assq :file params) (member "file" (cdr (assq :result-params params)))))

;;;; Functions: header arguments

(defun pen-block--arguments (params)
  "Return the header arguments PARAMS as a plist, with the entry's properties."
  (let ((arguments nil))
    (dolist (argument pen-block-arguments)
      (when-let ((cell (assq (car argument) params)))
        (setq arguments (plist-put arguments (car argument)
                                   (pen-block--value argument (cdr cell))))))
    (pen-dataset-subtree-options (pen-org-arguments arguments))))

(defun pen-block--value (argument value)
  "Return VALUE, as org read it, as that of the header ARGUMENT."
  (let ((name (pen-dataset-option-name argument)))
    (pcase (cadr argument)
      ('boolean (or (null value) (pen-dataset-option-value argument (format "%s" value))))
      ((guard (null value))
       (user-error "The header argument :%s has no value; give it one or remove it" name))
      ('texts (cond ((pen-block--several name value))
                    ((consp value) (mapcar (lambda (each) (format "%s" each)) value))
                    ((eq (car argument) :models) (split-string (format "%s" value) "[ ,]+" t))
                    ((string-prefix-p "\"" (format "%s" value)) ; several: org read none
                     (pen-value value 'texts (concat ":" name)))
                    (t (list (format "%s" value)))))
      ('numbers (if (consp value) value
                  (pen-dataset-option-value argument (format "%s" value))))
      ('file (expand-file-name value))
      (_ (pen-dataset-option-value argument (format "%s" value))))))

(defun pen-block--several (name value)
  "Return the texts of the header argument NAME of the block at point.
Org reads VALUE, the first of several in double quotes, and drops
the others.  Nil if there are no others."
  (when (stringp value)
    (let* ((element (org-element-context))
           (headers (string-join (cons (or (org-element-property :parameters element) "")
                                       (org-element-property :header element))
                                 " ")))
      (when (string-match (concat "\\(?:\\`\\|[ \t]\\):" (regexp-quote name)
                                  "[ \t]+\\(\"\\(?:[^\\\"]\\|\\\\.\\)*\""
                                  "\\(?:[ \t,]+\"\\(?:[^\\\"]\\|\\\\.\\)*\"\\)+\\)")
                          headers)
        (pen-value (match-string 1 headers) 'texts (concat ":" name))))))

(defun pen-block--file (params)
  "Return the full name of the file of PARAMS, nil if there is none.
Whatever is written there comes last, so what is wrong with it is
said first."
  (let* ((results (cdr (assq :result-params params)))
         (name (cdr (assq :file params)))
         (file (and name (expand-file-name name)))
         (directory (and file (file-name-directory file))))
    (when (and file (equal "yes" (cdr (assq :mkdirp params))))
      (make-directory directory t))
    (cond ((and (not file) (member "file" results) (not (member "link" results)))
           (user-error "No name for :results file; give :file, too"))
          ((null file))
          ((file-directory-p file)
           (user-error "The :file %s is a directory; name a file in it" name))
          ((not (file-directory-p directory))
           (user-error "The :file %s has no directory; make %s, or give :mkdirp yes" name directory))
          ((not (file-writable-p file))
           (user-error "The :file %s cannot be written; name another, or change its modes" name)))
    file))

(defun pen-block--task (body params)
  "Return the task of the block at point with BODY and PARAMS."
  (let* ((arguments (pen-block--arguments params))
         (action (or (plist-get arguments :action) 'complete))
         (learns (memq action '(dataset finetune)))
         (session (cdr (pen-block--given params :session)))
         (file (pen-block--file params))
         (source (and learns
                      (pen-block-source (pen-block--records arguments body params) body
                                        (1+ (line-number-at-pos (point) t))))))
    (pen-block-task-make
     :action action
     :arguments (append (pen-block--prompted arguments learns source)
                        (list :confirm pen-block-confirmed))
     :body (string-trim-right (or body "") "\n+")
     :vars (org-babel--get-vars params)
     :source source
     :file file
     :turns (and session (eq action 'complete)
                 (pen-block-source-turns session (cdr (assq :prompt params)))))))

(defun pen-block--records (arguments body params)
  "Return the name of the records in ARGUMENTS, nil if they are BODY.
That of the entry does not count if there is BODY; that of PARAMS and
BODY cannot be both."
  (cond ((or (null body) (string-blank-p body)) (plist-get arguments :dataset))
        ((assq :dataset params)
         (user-error "Both :dataset and the body of the block are records; remove one"))))

(defun pen-block--prompted (arguments learns source)
  "Return ARGUMENTS with a prompt.
That of a block which LEARNS without a SOURCE is its :dataset."
  (let ((prompt (or (and learns (null source) (plist-get arguments :dataset))
                    (plist-get arguments :prompt)
                    (if learns pen-pun-prompt "continue"))))
    (plist-put arguments :prompt (pen-prompt-absolute prompt))))

;;;; Functions: results

(defun pen-block--result (task value params)
  "Return VALUE of TASK as org wants it by PARAMS.
That of a task which has written a file is nil; with :results file
the same goes for org, else it is a link."
  (pcase (pen-block-task-action task)
    ((guard (null value))
     (unless (pen-block--link-p params)
       (org-babel-result-to-file (cdr (assq :file params)) (cdr (assq :file-desc params)))))
    ('complete (pen-block--texts value params))
    ('dataset (pen-block--report value params))
    ('finetune (if (stringp value) value (pen-block--losses value)))
    ('compare (pen-block--rounds value))))

(defun pen-block--texts (result params)
  "Return the candidates of RESULT as PARAMS want them."
  (let ((results (cdr (assq :result-params params)))
        (texts (pen-block-action-texts result)))
    (cond ((seq-intersection results '("table" "vector"))
           (mapcar (lambda (text) (list (pen-block-inert (pen-org-cell text) nil))) texts))
          ((member "list" results)
           (mapcar (lambda (text) (pen-block-inert (pen-org-line text) nil)) texts))
          (t (pen-block-inert (string-join texts "\n\n") params)))))

(defun pen-block--in-line (result params)
  "Return RESULT of a block with PARAMS as org takes it within a line.
There is no drawer there, and org 9.6 and later refuse one, even if
it is only what blocks of pen have by default: PARAMS, which are of
this run alone, lose it."
  (when-let ((drawer (member "drawer" (cdr (assq :result-params params)))))
    (setcar drawer "replace"))
  (if (stringp result)
      (pen-org-line result)
    result))

(defun pen-block--report (plan params)
  "Return what is to be known of PLAN as PARAMS want it."
  (let ((results (cdr (assq :result-params params))))
    (if (member "table" results)
        `(("rows" "train" "valid" "model" "cost") hline
          ,(mapcar (lambda (key) (or (plist-get plan key) ""))
                   '(:records :train :valid :model :cost)))
      (let ((lines (append (list (plist-get plan :summary))
                           (split-string (plist-get plan :table) "\n" t)
                           (mapcar (lambda (finding) (concat "! " (pen-rpc-sentence finding)))
                                   (plist-get plan :findings)))))
        (mapconcat (lambda (line)
                     (concat (and (member "drawer" results) ": ")
                             (pen-block-inert line nil)))
                   lines "\n")))))

(defun pen-block--losses (job)
  "Return about forty points of the curve of JOB, then its model, as a table."
  (let* ((points (plist-get job :curve))
         (every (max 1 (/ (length points) 40)))
         (last (1- (length points))))
    (append '(("step" "train" "valid") hline)
            (cl-loop for point in points
                     for index from 0
                     when (or (zerop (% index every)) (= index last)
                              (plist-get point :valid-loss))
                     collect (list (plist-get point :step)
                                   (pen-block--loss (plist-get point :train-loss))
                                   (pen-block--loss (plist-get point :valid-loss))))
            (list 'hline (list "model" (plist-get job :fine-tuned-model) "")))))

(defun pen-block--loss (loss)
  "Return LOSS as a cell."
  (if loss (substring-no-properties (pen-figure-loss loss)) ""))

(defun pen-block--rounds (value)
  "Return VALUE, two models and their rounds, as a table."
  (pcase-let ((`(,models . ,rounds) value))
    (append (list (cons "seed" models) 'hline)
            (mapcar (lambda (round)
                      (cons (car round)
                            (mapcar (lambda (text) (pen-block-inert (pen-org-cell text) nil))
                                    (cdr round))))
                    rounds))))

;;;; Functions: running

(defun pen-block--wait (task)
  "Run TASK, wait for it, and return its value or signal its error."
  (let ((until (and (not (plist-get (pen-block-task-arguments task) :wait))
                    (+ (float-time) pen-block-deadline)))
        end)
    (pen-block-action task
                      (lambda (value) (setq end (list 'done value)))
                      (lambda (plist) (setq end (list 'error plist))))
    (unwind-protect
        (while (not end)
          (when (and until (> (float-time) until))
            (setq end (list 'error (list :kind 'deadline
                                         :message (format "The block was not done in %d seconds."
                                                          pen-block-deadline)))))
          (accept-process-output nil 0.05))
      (pen-block-task-stop task))
    (cond ((eq (car end) 'done) (cadr end))
          (noninteractive (pen-rpc-signal (cadr end)))
          (t (user-error "%s" (pen-rpc-sentence (cadr end)))))))

(defun pen-block--run (body block params)
  "Run BLOCK with BODY and PARAMS in the background; return what stands there now."
  (pen-block-turn block (lambda ()
                          (pen-block--start (pen-block--task body params) block params)))
  (if (or (pen-block--link-p params) (equal "yes" (cdr (assq :cache params))))
      (progn (run-at-time 0 nil #'pen-block-show-placeholder block)
             nil)                       ; org would write it into the file, or keep it
    (pen-block-placeholder block)))

(defun pen-block--start (task block params)
  "Begin TASK, and put its result below BLOCK as PARAMS say."
  (pen-block-begin block (lambda () (pen-block-task-stop task)))
  (pen-block-action
   task
   (lambda (value)
     (condition-case err
         (pen-block-finish
          block (pen-block-visit block (lambda ()
                                         (or (pen-block--result task value params)
                                             (cdr (assq :file params))))))
       (error (pen-block-fail block (pen-rpc-sentence (pen-rpc-error-plist err))))))
   (lambda (plist)
     (pen-rpc-tell plist)
     (pen-block-fail block (pen-rpc-sentence plist)))))

(defun pen-block--now (body params)
  "Run the block at point with BODY and PARAMS, and return its result."
  (let* ((task (pen-block--task body params))
         (result (pen-block--result task (pen-block--wait task) params)))
    (if (memq (org-element-type (org-element-context)) '(inline-src-block inline-babel-call))
        (pen-block--in-line result params)
      result)))

;;;###autoload
(defun org-babel-execute:pen (body params)
  "Ask for what the block with BODY and header arguments PARAMS is about.
Return its result or, in the background, what stands for it until then."
  (save-excursion
    (when (eq 'src-block (org-element-type (org-element-at-point)))
      (goto-char (org-element-property :post-affiliated (org-element-at-point))))
    (let ((block (pen-block-at-point params)))
      (when (and block buffer-read-only (not (pen-block-unseen-p params)))
        (user-error "This buffer is read-only, so no result can be written; C-x C-q makes it writable"))
      (prog1 (if (and block (pen-block--background-p params))
                 (pen-block--run body block params)
               (pen-block--now body params))
        (when (and block (not (bound-and-true-p org-export-current-backend)))
          (pen-block-unwrap params))))))

(provide 'ob-pen)
;;; ob-pen.el ends here
